#include "lbcore/daemon.h"

#include <algorithm>
#include <csignal>
#include <fstream>
#include <utility>

#include "common/units.h"
#include "lbcore/model/reload.h"
#include "lbcore/model/restore.h"
#include "lbcore/model/runtime_changes.h"
#include "lbcore/model/saved_table.h"

namespace hapair::lbcore {

namespace {

constexpr size_t kMostUnread = size_t{32} << 20;  // then a list of connections ends unfinished
constexpr int kExitFailed = 1;
constexpr std::string_view kUpgrading = "an upgrade is under way: try again";

template <typename Log>
void for_each_line(std::string_view text, Log log) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    log(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

}  // namespace

Daemon::Daemon(const Options& options, Loaded loaded, InstanceLock lock, Origin origin, Logger& log)
    : options_(options),
      loaded_(std::move(loaded)),
      log_(log),
      lock_(std::move(lock)),
      origin_(std::move(origin)),
      balancer_(loop_, log_, loaded_.settings, origin_.old ? &origin_.inheritance : nullptr),
      api_(log_, backend()),
      control_(loop_, log_, options_.run_dir + "/lbcore.sock",
               {.on_open = {},
                .on_message =
                    [this](ControlConnection& caller, std::string_view request) {
                      const auto later = [this, id = caller.id()](const std::string& reply) {
                        ControlConnection* reader = control_.find(id);
                        return reader != nullptr && reader->queued_bytes() < kMostUnread &&
                               reader->send(reply);
                      };
                      const auto reply = api_.handle(request, caller.uid(), later);
                      if (reply) caller.send(*reply);
                    },
                .on_close = {}},
               origin_.old ? ControlServer::When::later : ControlServer::When::now),
      role_(loop_, log_, options_.run_dir, balancer_,
            origin_.old ? ControlServer::When::later : ControlServer::When::now),
      push_(loop_, log_,
            {.config = options_.config,
             .node = options_.node,
             .run_dir = options_.run_dir,
             .reload = [this] { return reload(); }}),
      upgrade_({.loop = loop_,
                .log = log_,
                .balancer = balancer_,
                .control = control_,
                .role = role_,
                .lock = lock_},
               options_.program),
      on_hangup_(loop_, SIGHUP, [this] { static_cast<void>(reload()); }),
      on_reopen_(loop_, SIGUSR1, [this] { balancer_.reopen_access_log(); }),
      on_upgrade_(loop_, SIGUSR2,
                  [this] { upgrade("SIGUSR2", 0, [](const Result<control::Upgraded>&) {}); }),
      on_terminate_(loop_, SIGTERM, [this] { stop("SIGTERM"); }),
      on_interrupt_(loop_, SIGINT, [this] { stop("SIGINT"); }) {}

Daemon::~Daemon() {
  origin_.old.reset();  // it watches the loop, which is younger
}

ControlApi::Backend Daemon::backend() {
  auto out = backend_of(balancer_, [this]() -> const Spec& { return loaded_.spec; });
  out.apply = [this](const Spec& spec) -> Status {
    if (upgrade_.under_way() || upgrade_.done()) return fail("{}", kUpgrading);
    return balancer_.change(spec);
  };
  out.ask_peer = [this](const std::string& from, std::string request, Duration patience,
                        std::function<void(Result<std::string>)> done) {
    balancer_.ask_peer(fmt::format("{} of {}", from, loaded_.settings.node), std::move(request),
                       patience, std::move(done));
  };
  out.take_config = [this](const control::PushConfig& pushed, ControlApi::OnReply done) {
    push_.take(pushed, std::move(done));
  };
  out.differences = [this] {
    control::Differences differences = balancer_.differences();
    differences.set_config(options_.config);
    return differences;
  };
  out.upgrade = [this](const std::string& by, uid_t caller, const ControlApi::OnUpgraded& done) {
    upgrade(by, caller, done);
  };
  return out;
}

int Daemon::run() {
  for (const std::string& warning : loaded_.warnings) log_.info("config", "{}", warning);
  if (const auto started = start(); !started) {
    log_.environment("main", "{}", started.error().message);
    if (origin_.old) origin_.old->fail(started.error().message);
    return kExitFailed;
  }
  log_.info("main", "lbcore {} is node {} of {}: {} services, {} workers", HAPAIR_VERSION,
            loaded_.settings.node, options_.config, loaded_.spec.services.size(),
            loaded_.settings.workers);
  if (origin_.old) {
    origin_.old->prepare(
        {.loop = loop_,
         .log = log_,
         .balancer = balancer_,
         .control = control_,
         .role = role_,
         .lock = lock_},
        std::move(origin_.inheritance), [this] { notify_ready(); },
        [this] {
          exit_code_ = kExitFailed;
          loop_.stop();
        });
  } else {
    notify_ready();
  }
  loop_.run();
  log_.info("main", "stopped");
  return exit_code_;
}

Status Daemon::start() {
  balancer_.on_question(
      [this](const std::string& from, const std::string& request,
             const Balancer::Respond& respond) { api_.handle_peers(from, request, respond); });
  if (auto applied = begin(); !applied) return applied;
  balancer_.set_file(loaded_.spec, origin_.inheritance.records.empty());
  return {};
}

/// What runs at first: the file with the runtime changes of the old process, else with those of
/// [lbcore] restore.
Status Daemon::begin() {
  if (!origin_.old) return balancer_.apply(restored());
  if (!origin_.inheritance.records.empty()) {
    return balancer_.apply(balancer_.inherit_records(origin_.inheritance.records, loaded_.spec));
  }
  const Replayed replayed = replay(loaded_.spec, origin_.inheritance.changes);
  for (const std::string& reason : replayed.left_out) {
    log_.environment("upgrade", "a change by pairadm is left out: {}", reason);
  }
  return balancer_.apply(replayed.spec);
}

Spec Daemon::restored() const {
  const std::string& path = loaded_.settings.restore;
  if (path.empty()) return loaded_.spec;
  const auto refuse = [&](std::string_view why) {
    log_.environment("restore", "{}: {}; the configuration file alone counts", path, why);
    return loaded_.spec;
  };
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    log_.info("restore", "{}: not there", path);
    return loaded_.spec;
  }
  std::string text(ControlApi::kMaxRequestBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  if (text.size() > ControlApi::kMaxRequestBytes) return refuse("too large");
  const auto commands = parse_saved_table(text);
  if (!commands) return refuse(commands.error().message);
  auto done = restore(loaded_.spec, loaded_.spec, *commands);
  if (!done) {
    return refuse(
        fmt::format("command {}: {}", done.error().command + 1, done.error().error.message));
  }
  if (const auto valid = validate(done->spec); !valid) return refuse(valid.error().message);
  log_.info("restore", "{}: {} commands done", path, commands->size());
  return std::move(done->spec);
}

void Daemon::notify_ready() {
  notify_supervisor(fmt::format("READY=1\nSTATUS={} services, {} pools",
                                balancer_.spec().services.size(), balancer_.spec().pools.size()));
}

/// An invalid file or an address in use changes nothing at all.
Status Daemon::reload() {
  if (upgrade_.under_way()) {
    reload_due_ = true;
    return fail("{}", kUpgrading);
  }
  if (upgrade_.done()) return fail("{}", kUpgrading);
  notify_supervisor("RELOADING=1");
  log_.info("reload", "reading {}", options_.config);
  auto next = load_config(options_.config, options_.node);
  Status taken;
  if (next) {
    taken = take(std::move(*next));
  } else {
    taken = tl::unexpected(next.error());
    for_each_line(next.error().message,
                  [this](std::string_view line) { log_.environment("reload", "{}", line); });
    log_.environment("reload", "refused: nothing has changed");
  }
  notify_ready();
  return taken;
}

Status Daemon::take(Loaded next) {
  for (const std::string& warning : next.warnings) log_.info("reload", "{}", warning);
  auto applied = balancer_.apply(merge_reload(loaded_.spec, next.spec, balancer_.spec()));
  if (!applied) {
    log_.environment("reload", "refused, nothing has changed: {}", applied.error().message);
    return applied;
  }
  for (const std::string& key : needs_restart(loaded_.settings, next.settings)) {
    log_.info("reload", "{}: the change waits for a restart or an upgrade", key);
  }
  loaded_.spec = std::move(next.spec);
  balancer_.set_file(loaded_.spec);
  loaded_.settings.drain_timeout = next.settings.drain_timeout;
  loaded_.settings.upgrade_timeout = next.settings.upgrade_timeout;
  if (next.settings.pair) balancer_.reload_keys(next.settings.pair->key_file);
  balancer_.set_config_hash(next.settings.config_hash);
  balancer_.show(next.settings);
  balancer_.reopen_access_log();
  log_.info("reload", "done");
  return {};
}

void Daemon::upgrade(const std::string& by, uid_t caller, const ControlApi::OnUpgraded& done) {
  log_.info("upgrade", "asked for by {} (uid {})", by, caller);
  const auto ended = [this, done](Result<control::Upgraded> outcome) {
    const bool serves_on = !outcome;
    done(std::move(outcome));
    if (!std::exchange(reload_due_, false)) return;
    if (serves_on) {
      static_cast<void>(reload());
    } else {
      ::kill(upgrade_.successor(), SIGHUP);
    }
  };
  const bool may = !stopping_ && (!origin_.old || origin_.old->serving());
  auto begun = may ? upgrade_.begin(changes_of_pairadm(), loaded_.settings.upgrade_timeout, ended)
                   : fail("this process {}", stopping_ ? "stops" : "does not serve yet");
  if (begun) return;
  log_.environment("upgrade", "failed, nothing has changed: {}", begun.error().message);
  done(tl::unexpected(begun.error()));
}

/// On top of the file as the new process will read it.
std::vector<control::Request> Daemon::changes_of_pairadm() const {
  // One that only the new program understands is not for this one to judge.
  const auto next = load_config(options_.config, options_.node);
  const Spec& file = next ? next->spec : loaded_.spec;
  auto changes = runtime_changes(file, merge_reload(loaded_.spec, file, balancer_.spec()));
  for (const std::string& line : changes.beyond) {
    log_.environment("upgrade", "a change by pairadm is lost: {}", line);
  }
  return std::move(changes.commands);
}

void Daemon::stop(std::string_view signal) {
  upgrade_.abandon("the old process was told to stop");
  // The second one means: now.
  const Duration patience = stopping_ ? Duration{0} : loaded_.settings.drain_timeout;
  stopping_ = true;
  log_.info("main", "{}: stopping, open connections have {}", signal, format_duration(patience));
  if (!upgrade_.done()) notify_supervisor("STOPPING=1");
  balancer_.shut_down(patience);
}

}  // namespace hapair::lbcore
