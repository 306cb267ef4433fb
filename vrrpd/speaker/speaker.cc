#include "vrrpd/speaker/speaker.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <net/if.h>
#include <sys/socket.h>

#include "common/config/ini_reader.h"

namespace hapair::vrrp {

namespace {

constexpr Duration kTick = 500ms;
// For lbcore to say a word to a speaker that goes on for a dead one: as long as its own lease would
// have been believed.
constexpr Duration kLbcoreGrace = 500ms;

}  // namespace

Speaker::Speaker(Logger& log, Options options, DaemonConfig config, const UniqueFd& channel,
                 SharedState& shared, Operating& operating)
    : log_(log),
      options_(std::move(options)),
      node_(std::move(config.node)),
      shared_(shared),
      operating_(operating),
      channel_(channel),
      started_(loop_.now()),
      life_(first_epoch(shared.board())),
      links_(
          loop_, log_,
          {.on_change = [this] { on_link_change(); },
           .on_address_removed =
               [this](int interface, const IpAddress& ip) { on_address_removed(interface, ip); }}),
      route_watch_(loop_,
                   [this] {
                     for (auto& [name, instance] : instances_) instance->on_route_removed();
                   }),
      lbcore_(
          loop_, log_, options_.run_dir + "/role.sock",
          {.on_change = [this] { on_lbcore_change(); },
           .on_handover = [this](const role::Handover* word) { on_handover_word(word); },
           .on_close = [this] { carry_out(handover_.lbcore_gone(routers_now(), loop_.now())); }}),
      hooks_(
          loop_, log_, operating.runners,
          {.on_verdict = [this](const std::string& script,
                                const HookFeed::Verdict& verdict) { on_script(script, verdict); },
           .on_hook = [this](const HookFeed::Happened& happened) { on_hook(happened); }}),
      control_(loop_, log_, options_.run_dir + "/vrrpd.sock",
               {.on_open = {},
                .on_message = [this](ControlConnection& from,
                                     std::string_view payload) { on_request(from, payload); },
                .on_close = [this](ControlConnection& gone) { events_.forget(gone.id()); }},
               ControlServer::When::later),
      events_(control_),
      keeper_(loop_, options_.state_dir),
      tick_(loop_, kTick, [this] { on_tick(); }),
      handover_due_(loop_, [this] { carry_out(handover_.expired(routers_now(), loop_.now())); }),
      lbcore_grace_(loop_, [this] { on_lbcore_change(); }),
      terminate_(loop_, SIGTERM, [this] { stop("stopped by SIGTERM"); }),
      interrupt_(loop_, SIGINT, [this] { stop("stopped by SIGINT"); }),
      hang_up_(loop_, SIGHUP, [this] { reader_.request(); }),
      channel_watcher_(loop_.raw()),
      turn_(loop_.raw()),
      checker_(loop_, {.read = [this] { return load_config(check_path_, node_); },
                       .on_read = [this](const auto& checked) { on_checked(checked); }}),
      reader_(loop_, {.read = [this] { return read(); },
                      .on_read = [this](const auto& loaded) { apply(loaded); }}) {
  turn_.set<Speaker, &Speaker::on_turn>(this);
  turn_.start();
  channel_watcher_.set<Speaker, &Speaker::on_channel>(this);
  channel_watcher_.start(channel_.get(), ev::READ);
  scripts_ = std::move(config.scripts);
  demotion_ = Demotion::parse(operating_.demotion.read());
  open_pair_path(config);
  // First of all: the VIPs of the speaker before us are waiting.
  testament::Testament left;
  if (const auto text = shared_.snapshot()) left.ParseFromString(*text);
  for (const RouterConfig& router : config.routers) add_router(router, left);
  publish();
  shared_.board().alive.set(Clock::now());
  shared_.board().in_place.store(shared_.board().life.load());
  tell_guardian("P");
  open_control();
  if (lbcore_grace_.armed()) tell_role();
  remove_leftovers();
  hooks_.plan(scripts_);
}

/// Whoever served the socket before us holds no lock on the run directory any more: it is dying. A
/// speaker that goes on does so without the socket, and tries again: VIPs are worth more.
void Speaker::open_control() {
  try {
    control_.open();
  } catch (const std::exception& error) {
    if (shared_.board().life == 1 && !links_.synced()) throw;
    if (control_lines_.allow(loop_.now())) log_.environment("control", "{}", error.what());
  }
}

void Speaker::run() {
  loop_.run();
}

/// VIPs that an earlier life left, even one with another configuration: marked as ours, on an
/// interface of ours.
void Speaker::remove_leftovers() {
  const auto macvlans = macvlans_.dump();
  if (!macvlans) log_.environment("link", "{}", macvlans.error().message);
  for (const Macvlan::Found& found : macvlans.value_or(std::vector<Macvlan::Found>{})) {
    const bool wanted = std::any_of(instances_.begin(), instances_.end(), [&](const auto& item) {
      return item.second->config().virtual_mac_interface == found.name;
    });
    if (!found.marked || wanted) continue;
    const Status removed = macvlans_.remove(found.index);
    log_.info("link", "removed {}, left by an earlier life{}", found.name,
              removed ? "" : ": " + removed.error().message);
  }
  // Those of a router that goes on are in use; it has added what it misses.
  const bool goes_on = std::any_of(instances_.begin(), instances_.end(), [](const auto& item) {
    return item.second->role() == Role::active;
  });
  const auto routes = goes_on ? Result<int>(0) : routes_.remove_marked();
  if (!routes) log_.environment("routes", "{}", routes.error().message);
  if (routes && *routes > 0) {
    log_.info("routes", "removed {}, left by an earlier life", *routes);
  }
  const auto addresses = kernel_.dump();
  if (!addresses) {
    log_.environment("addresses", "{}", addresses.error().message);
    return;
  }
  for (const InstalledAddress& found : *addresses) {
    const bool ours = std::any_of(instances_.begin(), instances_.end(), [&](const auto& item) {
      const RouterConfig& router = item.second->config();
      const auto is = [&](const std::string& name) {
        return ::if_nametoindex(name.c_str()) == static_cast<unsigned>(found.interface);
      };
      return is(router.interface) || is(router.virtual_mac_interface) ||
             router.is_vip(found.prefix.ip);
    });
    const bool in_use = std::any_of(instances_.begin(), instances_.end(), [&](const auto& item) {
      const std::vector<Prefix>& installed = item.second->installed();
      return std::find(installed.begin(), installed.end(), found.prefix) != installed.end();
    });
    if (!found.marked || !ours || in_use) continue;
    const Status removed = kernel_.remove(found.interface, std::array{found.prefix});
    log_.info("addresses", "removed {}, left by an earlier life{}", found.prefix.to_string(),
              removed ? "" : ": " + removed.error().message);
  }
}

/// Goes on where `left` says that an earlier speaker stopped.
void Speaker::add_router(const RouterConfig& config, const testament::Testament& left) {
  const auto before =
      std::find_if(left.routers().begin(), left.routers().end(), [&](const auto& r) {
        return r.name() == config.name && r.has_life() && r.cell() < kMostRouters;
      });
  const bool goes_on = before != left.routers().end();
  const auto cell = goes_on ? std::optional(before->cell()) : free_cell(left);
  if (!cell) {
    log_.environment("vrrp " + config.name, "not served: {} routers is the most", kMostRouters);
    return;
  }
  const auto notify = [this, name = config.name](const Notify& what, bool stop) {
    const auto at = instances_.find(name);
    if (at != instances_.end()) on_notify(*at->second, what, stop);
  };
  const auto peer = [this, name = config.name](const std::string& what) {
    events_.add(
        {.kind = EventRecord::Kind::peer, .router = name, .from = {}, .to = {}, .reason = what});
  };
  auto instance = std::make_unique<Instance>(
      Instance::Surroundings{
          .loop = loop_,
          .log = log_,
          .kernel = kernel_,
          .routes = routes_,
          .cell = shared_.board().cells.at(*cell),
          .cell_number = *cell,
          .macvlans = macvlans_,
          .on_testament = [this] { publish(); },
          .on_role = [this] { on_role_change(); },
          .on_notify = notify,
          .group_holds = [this, name = config.name] { return groups_.holds(name); },
          .on_peer = peer,
          .life = life_,
          .keys = keys_,
          .pair = pair_.get()},
      config);
  Instance& added = *instance;
  instances_[config.name] = std::move(instance);
  if (goes_on && added.resume(*before)) {
    if (!lbcore_grace_.armed()) lbcore_grace_.arm(loop_.now() + kLbcoreGrace);
    apply_scripts(added);
    if (demotion_) added.on_demotion(demotion_->why());
    // The speaker before us may have died before it said so; a hook that has run does not run
    // again.
    post_hook(added, {.from = added.role(), .to = added.role(), .reason = added.reason()}, false);
    return;
  }
  RouterCell& fresh = shared_.board().cells.at(*cell);
  fresh.holds = false;
  fresh.sent = 0;
  fresh.received = 0;
  show_lbcore(added);
  apply_scripts(added);
  if (demotion_) added.on_demotion(demotion_->why());
  added.start();
  if (links_.synced()) added.on_link(links_);
}

/// The lowest that no router has, nor one that is still to go on.
std::optional<uint32_t> Speaker::free_cell(const testament::Testament& left) const {
  std::set<uint32_t> taken;
  for (const auto& [name, instance] : instances_) taken.insert(instance->cell_number());
  for (const testament::Router& router : left.routers()) taken.insert(router.cell());
  for (uint32_t cell = 0; cell < kMostRouters; ++cell) {
    if (!taken.contains(cell)) return cell;
  }
  return std::nullopt;
}

void Speaker::on_link_change() {
  for (auto& [name, instance] : instances_) instance->on_link(links_);
  publish();
}

void Speaker::on_address_removed(int interface, const IpAddress& ip) {
  for (auto& [name, instance] : instances_) instance->on_address_removed(interface, ip);
}

void Speaker::on_lbcore_change() {
  tell_lbcore();
  for (auto& [name, instance] : instances_) show_lbcore(*instance);
}

/// Not heard yet, lbcore is what it was for the speaker before us.
void Speaker::show_lbcore(Instance& instance) const {
  if (lbcore_grace_.armed() && !lbcore_.lease().connected()) return;
  instance.on_lbcore(lbcore_.lease());
}

void Speaker::on_channel(ev::io&, int) {
  char byte = 0;
  const ssize_t got = ::recv(channel_.get(), &byte, 1, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  channel_watcher_.stop();
  stop("the guardian died");
}

/// Whatever this turn of the loop had to do is done.
void Speaker::on_turn(ev::prepare&, int) {
  shared_.board().alive.set(Clock::now());
}

void Speaker::on_tick() {
  for (auto& [name, instance] : instances_) {
    // A socket that could not be opened is tried again.
    if (links_.synced() && instance->role() == Role::initialize) instance->on_link(links_);
    instance->retry_routes();
  }
  hooks_.tick();
  groups_.reunite();
  if (!control_.serves()) open_control();
  publish();
  tell_role();  // who was heard, and when, changes without a transition
}

void Speaker::stop(const std::string& reason) {
  if (std::exchange(stopping_, true)) return;
  log_.info("vrrpd", "{}", reason);
  for (auto& [name, instance] : instances_) instance->stop(reason);
  loop_.stop();
}

// --- Reload --------------------------------------------------------------------------------------

/// On the reader's thread. What is valid is kept for the next speaker, whatever becomes of the
/// file.
Result<DaemonConfig> Speaker::read() {
  const auto text = config::read_text(options_.config);
  if (!text) return tl::unexpected(text.error());
  auto loaded = parse_config(*text, options_.config, node_);
  if (!loaded) return loaded;
  if (const Status kept = shared_.keep_config(*text); !kept) return tl::unexpected(kept.error());
  return loaded;
}

void Speaker::apply(const Result<DaemonConfig>& loaded) {
  if (stopping_) return;
  if (!loaded) {
    log_.environment("config", "the new configuration is invalid, nothing was changed:\n{}",
                     loaded.error().message);
    tell_config("invalid, nothing was changed: " + loaded.error().message);
    return;
  }
  const auto wanted = [&](const RouterConfig& now) -> const RouterConfig* {
    const auto at = std::find_if(loaded->routers.begin(), loaded->routers.end(),
                                 [&](const RouterConfig& next) { return next.same_router(now); });
    return at == loaded->routers.end() ? nullptr : &*at;
  };
  std::erase_if(instances_, [&](auto& item) {
    if (wanted(item.second->config()) != nullptr) return false;
    item.second->stop("removed from the configuration");
    return true;
  });
  take_keys(*loaded);
  scripts_ = loaded->scripts;
  tell_guardian(*loaded);
  hooks_.plan(scripts_);
  for (const RouterConfig& router : loaded->routers) {
    const auto at = instances_.find(router.name);
    if (at == instances_.end()) {
      add_router(router);
    } else {
      at->second->reconfigure(router);
      show_lbcore(*at->second);
      apply_scripts(*at->second);
    }
  }
  groups_.settle();
  log_.info("config", "reloaded");
  tell_config("reloaded");
  publish();
  tell_role();
}

// --- What others know ----------------------------------------------------------------------------

/// For the guardian and the next speaker; whole, and only when something changed.
void Speaker::publish() {
  testament::Testament out;
  Duration fastest{0};
  for (const auto& [name, instance] : instances_) {
    instance->write(*out.add_routers());
    if (!instance->holds()) continue;
    const Duration interval = instance->config().parameters.interval;
    if (fastest == Duration::zero() || interval < fastest) fastest = interval;
  }
  std::string text = out.SerializeAsString();
  if (text != published_) {
    const Status done = shared_.publish(text);
    if (!done) log_.environment("guardian", "{}", done.error().message);
    published_ = std::move(text);
  }
  // A Backup may have had nothing to do for longer than an Active may be silent.
  shared_.board().alive.set(Clock::now());
  shared_.board().fastest.store(fastest.count());
  shared_.board().epoch.store(life_.epoch());
  if (!links_.synced()) return;  // the first status says that we are ready
  if (std::string status = status_line(); status != told_) {
    tell_guardian("S" + status);
    told_ = std::move(status);
  }
}

/// See Guardian::on_message(). Lost only when the guardian does not read.
void Speaker::tell_guardian(std::string_view message) {
  (void)::send(channel_.get(), message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

/// What it needs to know of a configuration that it does not read itself: the hooks' processes are
/// its children.
void Speaker::tell_guardian(const DaemonConfig& config) {
  std::string message = fmt::format("C{}", config.stop_hooks_take().count());
  for (const std::string& user : config.hook_users()) message += "\n" + user;
  tell_guardian(message);
}

std::string Speaker::status_line() const {
  std::string out;
  for (const auto& [router, instance] : instances_) {
    if (!out.empty()) out += ", ";
    out += fmt::format("{}: {}", router, name(instance->role()));
  }
  return out;
}

void Speaker::tell_role() {
  role::NodeRole out;
  for (const auto& [name, instance] : instances_) instance->write(*out.add_routers());
  out.set_hands_over(true);
  if (handover_.word().step() != role::Handover::NONE) *out.mutable_handover() = handover_.word();
  lbcore_.tell(out.SerializeAsString());
}

}  // namespace hapair::vrrp
