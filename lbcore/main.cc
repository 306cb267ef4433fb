// lbcore: reads options and configuration, builds the parts, hands them to each other and runs the
// main loop. Decides nothing about traffic; reloads and the end begin here.
#include <csignal>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>

#include <fmt/format.h>
#include <getopt.h>

#include "common/control_socket.h"
#include "common/event_loop.h"
#include "common/log.h"
#include "common/pair_key.h"
#include "common/process.h"
#include "common/units.h"
#include "lbcore/balancer.h"
#include "lbcore/config.h"
#include "lbcore/control.h"
#include "lbcore/health/command_helper.h"
#include "lbcore/model/reload.h"
#include "lbcore/role_socket.h"

namespace hapair::lbcore {
namespace {

constexpr size_t kMostUnread = size_t{32} << 20;  // then a list of connections ends unfinished
constexpr int kExitFailed = 1;
constexpr int kExitBadConfig = 2;

constexpr const char* kUsage =
    "Usage: lbcore [options]\n"
    "  --config FILE   configuration (default /etc/hapair/hapair.conf)\n"
    "  --node NAME     this node's name in it (default: the host name)\n"
    "  --run-dir DIR   sockets and lock (default /run/hapair)\n"
    "  -t, --test      check the configuration and exit\n"
    "  -h, --help      this text\n"
    "  -v, --version   the version\n";

struct Options {
  std::string config = "/etc/hapair/hapair.conf";
  std::string node = config::host_name();
  std::string run_dir = std::string(kDefaultRunDir);
  bool test = false;
};

/// The options, or the exit code of a program that is done already.
tl::expected<Options, int> parse_options(int argc, char** argv) {
  enum : int { kConfig = 256, kNode, kRunDir };
  static const option kLong[] = {{"config", required_argument, nullptr, kConfig},
                                 {"node", required_argument, nullptr, kNode},
                                 {"run-dir", required_argument, nullptr, kRunDir},
                                 {"test", no_argument, nullptr, 't'},
                                 {"help", no_argument, nullptr, 'h'},
                                 {"version", no_argument, nullptr, 'v'},
                                 {nullptr, 0, nullptr, 0}};
  Options options;
  for (int given = 0; (given = ::getopt_long(argc, argv, "thv", kLong, nullptr)) != -1;) {
    switch (given) {
      case kConfig:
        options.config = optarg;
        break;
      case kNode:
        options.node = optarg;
        break;
      case kRunDir:
        options.run_dir = optarg;
        break;
      case 't':
        options.test = true;
        break;
      case 'h':
        fmt::print("{}", kUsage);
        return tl::unexpected(0);
      case 'v':
        fmt::print("lbcore {}\n", HAPAIR_VERSION);
        return tl::unexpected(0);
      default:
        fmt::print(stderr, "{}", kUsage);
        return tl::unexpected(kExitBadConfig);
    }
  }
  if (optind < argc) {
    fmt::print(stderr, "lbcore: '{}' is not an option\n{}", argv[optind], kUsage);
    return tl::unexpected(kExitBadConfig);
  }
  return options;
}

void print_lines(std::FILE* out, std::string_view lines) {
  fmt::print(out, "{}\n", lines);
}

int test_config(const Options& options) {
  const auto loaded = load_config(options.config, options.node);
  if (!loaded) {
    print_lines(stderr, loaded.error().message);
    return kExitBadConfig;
  }
  for (const std::string& warning : loaded->warnings) print_lines(stderr, "warning: " + warning);
  if (loaded->settings.pair) {
    if (const auto key = load_pair_key(loaded->settings.pair->key_file); !key) {
      print_lines(stderr, "warning: no replication: " + key.error().message);
    }
  }
  fmt::print("{}: ok\n", options.config);
  return 0;
}

template <typename Log>
void for_each_line(std::string_view text, Log log) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    log(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

class Daemon {
 public:
  Daemon(const Options& options, Loaded loaded, Logger& log)
      : options_(options),
        loaded_(std::move(loaded)),
        log_(log),
        balancer_(loop_, log_, loaded_.settings),
        api_(log_, backend_of(balancer_, [this]() -> const Spec& { return loaded_.spec; })),
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
                  .on_close = {}}),
        role_(loop_, log_, options_.run_dir, balancer_),
        on_hangup_(loop_, SIGHUP, [this] { reload(); }),
        on_reopen_(loop_, SIGUSR1, [this] { balancer_.reopen_access_log(); }),
        on_terminate_(loop_, SIGTERM, [this] { stop("SIGTERM"); }),
        on_interrupt_(loop_, SIGINT, [this] { stop("SIGINT"); }) {}

  int run() {
    for (const std::string& warning : loaded_.warnings) log_.info("config", "{}", warning);
    if (const auto applied = balancer_.apply(loaded_.spec); !applied) {
      log_.environment("main", "{}", applied.error().message);
      return kExitFailed;
    }
    log_.info("main", "lbcore {} is node {} of {}: {} services, {} workers", HAPAIR_VERSION,
              loaded_.settings.node, options_.config, loaded_.spec.services.size(),
              loaded_.settings.workers);
    notify_ready();
    loop_.run();
    log_.info("main", "stopped");
    return 0;
  }

 private:
  void notify_ready() {
    notify_supervisor(fmt::format("READY=1\nSTATUS={} services, {} pools",
                                  balancer_.spec().services.size(), balancer_.spec().pools.size()));
  }

  /// An invalid file or an address in use changes nothing at all.
  void reload() {
    notify_supervisor("RELOADING=1");
    log_.info("reload", "reading {}", options_.config);
    auto next = load_config(options_.config, options_.node);
    if (next) {
      take(std::move(*next));
    } else {
      for_each_line(next.error().message,
                    [this](std::string_view line) { log_.environment("reload", "{}", line); });
      log_.environment("reload", "refused: nothing has changed");
    }
    notify_ready();
  }

  void take(Loaded next) {
    for (const std::string& warning : next.warnings) log_.info("reload", "{}", warning);
    const auto applied = balancer_.apply(merge_reload(loaded_.spec, next.spec, balancer_.spec()));
    if (!applied) {
      log_.environment("reload", "refused, nothing has changed: {}", applied.error().message);
      return;
    }
    for (const std::string& key : needs_restart(loaded_.settings, next.settings)) {
      log_.info("reload", "{}: the change waits for a restart", key);
    }
    loaded_.spec = std::move(next.spec);
    loaded_.settings.drain_timeout = next.settings.drain_timeout;
    balancer_.set_config_hash(next.settings.config_hash);
    balancer_.show(next.settings);
    balancer_.reopen_access_log();
    log_.info("reload", "done");
  }

  void stop(std::string_view signal) {
    // The second one means: now.
    const Duration patience = stopping_ ? Duration{0} : loaded_.settings.drain_timeout;
    stopping_ = true;
    log_.info("main", "{}: stopping, open connections have {}", signal, format_duration(patience));
    notify_supervisor("STOPPING=1");
    balancer_.shut_down(patience);
  }

  const Options& options_;
  Loaded loaded_;  // the file as last taken; settings as at start, but for reloadable ones
  Logger& log_;
  EventLoop loop_;
  Balancer balancer_;
  ControlApi api_;
  ControlServer control_;
  RoleSocket role_;
  SignalWatcher on_hangup_;
  SignalWatcher on_reopen_;
  SignalWatcher on_terminate_;
  SignalWatcher on_interrupt_;
  bool stopping_ = false;
};

int run(const Options& options) {
  auto loaded = load_config(options.config, options.node);
  if (!loaded) {
    print_lines(stderr, loaded.error().message);
    return kExitBadConfig;
  }
  loaded->settings.run_dir = options.run_dir;
  const auto lock = InstanceLock::acquire(options.run_dir, "lbcore");
  if (!lock) {
    print_lines(stderr, lock.error().message);
    return kExitFailed;
  }
  std::signal(SIGPIPE, SIG_IGN);  // before any thread starts
  Logger log("lbcore");
  Daemon daemon(options, std::move(*loaded), log);
  return daemon.run();
}

}  // namespace
}  // namespace hapair::lbcore

int main(int argc, char** argv) {
  using namespace hapair::lbcore;
  // Not for users: lbcore starts itself again as its helper.
  if (argc == 2 && std::string_view(argv[1]) == health::kHelperOption) {
    return health::run_command_helper();
  }
  const auto options = parse_options(argc, argv);
  if (!options) return options.error();
  try {
    return options->test ? test_config(*options) : run(*options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "lbcore: {}\n", error.what());
    return kExitFailed;
  }
}
