#include "vrrpd/speaker/speaker.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include <fmt/format.h>
#include <net/if.h>
#include <sys/socket.h>

#include "vrrpd/guardian/testament.pb.h"

namespace hapair::vrrp {

Speaker::Speaker(Logger& log, Options options, DaemonConfig config, const UniqueFd& channel,
                 SharedState& shared, Operating& operating)
    : log_(log),
      options_(std::move(options)),
      node_(std::move(config.node)),
      shared_(shared),
      operating_(operating),
      channel_(channel),
      started_(loop_.now()),
      life_(first_epoch()),
      links_(
          loop_, log_,
          {.on_change = [this] { on_link_change(); },
           .on_address_removed =
               [this](int interface, const IpAddress& ip) { on_address_removed(interface, ip); }}),
      route_watch_(loop_,
                   [this] {
                     for (auto& [name, instance] : instances_) instance->on_route_removed();
                   }),
      lbcore_(loop_, log_, options_.run_dir + "/role.sock", [this] { on_lbcore_change(); }),
      hooks_(
          loop_, log_, operating.runners,
          {.on_verdict = [this](const std::string& script,
                                const HookFeed::Verdict& verdict) { on_script(script, verdict); },
           .on_hook = [this](const HookFeed::Happened& happened) { on_hook(happened); }}),
      control_(loop_, log_, options_.run_dir + "/vrrpd.sock",
               {.on_open = {},
                .on_message = [this](ControlConnection& from,
                                     std::string_view payload) { on_request(from, payload); },
                .on_close = [this](ControlConnection& gone) { events_.forget(gone.id()); }}),
      events_(control_),
      keeper_(loop_, options_.state_dir),
      renewal_(loop_, kAddressRenewal, [this] { on_tick(); }),
      terminate_(loop_, SIGTERM, [this] { stop("stopped by SIGTERM"); }),
      interrupt_(loop_, SIGINT, [this] { stop("stopped by SIGINT"); }),
      hang_up_(loop_, SIGHUP, [this] { reload(); }),
      channel_watcher_(loop_.raw()),
      turn_(loop_.raw()) {
  turn_.set<Speaker, &Speaker::on_turn>(this);
  turn_.start();
  channel_watcher_.set<Speaker, &Speaker::on_channel>(this);
  channel_watcher_.start(channel_.get(), ev::READ);
  scripts_ = std::move(config.scripts);
  demotion_ = Demotion::parse(operating_.demotion.read());
  open_pair_path(config);
  for (const RouterConfig& router : config.routers) add_router(router);
  remove_leftovers();
  hooks_.plan(scripts_);
}

Speaker::~Speaker() {
  if (reader_.joinable()) reader_.join();
}

void Speaker::run() {
  loop_.run();
}

/// VIPs that an earlier life left, even one with another configuration: marked as ours, on an
/// interface of ours.
void Speaker::remove_leftovers() {
  const auto routes = routes_.remove_marked();
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
      const bool ours_by_name =
          ::if_nametoindex(router.interface.c_str()) == static_cast<unsigned>(found.interface);
      return ours_by_name || router.is_vip(found.prefix.ip);
    });
    if (!found.marked || !ours) continue;
    const Status removed = kernel_.remove(found.interface, std::array{found.prefix});
    log_.info("addresses", "removed {}, left by an earlier life{}", found.prefix.to_string(),
              removed ? "" : ": " + removed.error().message);
  }
}

void Speaker::add_router(const RouterConfig& config) {
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
          .on_testament = [this] { write_testament(); },
          .on_role = [this] { tell_role(); },
          .on_notify = notify,
          .group_holds = [this, name = config.name] { return groups_.holds(name); },
          .on_peer = peer,
          .life = life_,
          .keys = keys_,
          .pair = pair_.get()},
      config);
  instance->on_lbcore(lbcore_.lease());
  Instance& added = *instance;
  instances_[config.name] = std::move(instance);
  apply_scripts(added);
  if (demotion_) added.on_demotion(demotion_->why());
  added.start();
  if (links_.synced()) added.on_link(links_);
}

void Speaker::on_link_change() {
  for (auto& [name, instance] : instances_) instance->on_link(links_);
  write_testament();
}

void Speaker::on_address_removed(int interface, const IpAddress& ip) {
  for (auto& [name, instance] : instances_) instance->on_address_removed(interface, ip);
}

void Speaker::on_lbcore_change() {
  tell_lbcore();
  for (auto& [name, instance] : instances_) instance->on_lbcore(lbcore_.lease());
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
    instance->renew();
    // A socket that could not be opened is tried again.
    if (links_.synced() && instance->role() == Role::initialize) instance->on_link(links_);
  }
  hooks_.tick();
  groups_.reunite();
  write_testament();  // the channel may have been full
  tell_role();        // who was heard, and when, changes without a transition
}

void Speaker::stop(const std::string& reason) {
  if (std::exchange(stopping_, true)) return;
  log_.info("vrrpd", "{}", reason);
  for (auto& [name, instance] : instances_) instance->stop(reason);
  loop_.stop();
}

// --- Reload --------------------------------------------------------------------------------------

void Speaker::reload() {
  read_again_ = true;
  if (reading_) return;
  read_again_ = false;
  reading_ = true;
  if (reader_.joinable()) reader_.join();
  reader_ = std::thread([this, path = options_.config, node = node_] {
    loop_.post([this, loaded = load_config(path, node)] { apply(loaded); });
  });
}

void Speaker::apply(const Result<DaemonConfig>& loaded) {
  reading_ = false;
  if (stopping_) return;
  if (read_again_) return reload();
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
  scripts_ = loaded->scripts;
  hooks_.plan(scripts_);
  for (const RouterConfig& router : loaded->routers) {
    const auto at = instances_.find(router.name);
    if (at == instances_.end()) {
      add_router(router);
    } else {
      at->second->reconfigure(router);
      at->second->on_lbcore(lbcore_.lease());
      apply_scripts(*at->second);
    }
  }
  groups_.settle();
  log_.info("config", "reloaded");
  tell_config("reloaded");
  write_testament();
  tell_role();
}

// --- What others know ----------------------------------------------------------------------------

void Speaker::write_testament() {
  if (!links_.synced()) return;  // the first one says that we are ready
  testament::Testament out;
  for (const auto& [name, instance] : instances_) instance->write(*out.add_routers());
  out.set_status(status_line());
  std::string text = out.SerializeAsString();
  if (text == testament_) return;
  // Full only when the guardian does not read; the next tick tries again.
  if (::send(channel_.get(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) return;
  testament_ = std::move(text);
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
  lbcore_.tell(out.SerializeAsString());
}

}  // namespace hapair::vrrp
