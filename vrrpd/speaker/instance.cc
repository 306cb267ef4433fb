#include "vrrpd/speaker/instance.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/units.h"
#include "vrrpd/speaker/source_address.h"
#include "vrrpd/wire/intervals.h"
#include "vrrpd/wire/packet.h"

namespace hapair::vrrp {

namespace {

constexpr size_t kHistoryLines = 32;
constexpr int kDatagramsPerWakeup = 64;  // other routers share this loop
constexpr int kSendsToFail = 3;  // that many missing advertisements, and the peer has taken over

ChecksumForm first_form(ChecksumChoice choice) {
  return choice == ChecksumChoice::rfc ? ChecksumForm::rfc : ChecksumForm::pseudo_header;
}

}  // namespace

Instance::Instance(Surroundings around, RouterConfig config)
    : around_(std::move(around)),
      config_(std::move(config)),
      subsystem_("vrrp " + config_.name),
      fsm_(config_.parameters),
      deadline_(around_.loop, [this] { on_deadline(); }),
      announcer_(around_.loop, around_.log, subsystem_),
      install_turn_(around_.loop, [this] { on_install_turn(); }),
      link_due_(around_.loop, [this] { on_link(*monitor_); }),
      watcher_(around_.loop.raw()),
      mac_watcher_(around_.loop.raw()),
      form_(first_form(config_.checksum)),
      look_(around_.loop, [this] { on_look(); }) {
  watcher_.set<Instance, &Instance::on_readable>(this);
  mac_watcher_.set<Instance, &Instance::on_readable>(this);
  use_witness();
}

void Instance::start() {
  stopping_ = false;
  feed(Startup{});
}

void Instance::stop(const std::string& reason) {
  stopping_ = true;
  const Role from = role();
  feed(Shutdown{reason});
  remove_mac();
  // Told whatever the role was: the stop hook runs for a router that waits as well.
  if (around_.on_notify) {
    around_.on_notify({.from = from, .to = Role::initialize, .reason = reason}, true);
  }
}

// --- Events in -----------------------------------------------------------------------------------

void Instance::on_link(const LinkMonitor& monitor) {
  see_links(monitor);
  const Interface* found = monitor.find(config_.interface);
  // An interface that came back under its old name is another one: the old socket is deaf.
  if (interface_.index != 0 && (found == nullptr || found->index != interface_.index)) {
    feed(LinkDown{config_.interface + " is gone"});
    close_socket();
    forget_mac();  // went with it
    interface_ = Interface{};
  }
  if (const std::string trouble = link_trouble(found); !trouble.empty()) {
    if (witness_) witness_->stop();
    feed(LinkDown{trouble});
    return;
  }
  interface_ = *found;
  if (const IpAddress own = *source_address(*found, config_);
      own != fsm_.parameters().own_address) {
    Parameters parameters = fsm_.parameters();
    parameters.own_address = own;
    feed(Reconfigured{parameters});
  }
  if (const Status made = prepare_mac(role() == Role::active); !made) {
    feed(LinkDown{made.error().message});
    return;
  }
  if (socket_ || open_socket()) {
    if (witness_) witness_->start(interface_, fsm_.parameters().own_address);
    feed(LinkUp{});
  }
  if (std::exchange(resumed_, false) && installed_ != plan_addresses()) change_addresses();
  reinstate();
}

bool Instance::open_socket() {
  const auto use = config_.peer ? AdvSocket::Use::unicast : AdvSocket::Use::multicast;
  auto socket =
      AdvSocket::open(config_.family, use, config_.interface, interface_.index, config_.vrid);
  if (!socket) {
    feed(LinkDown{socket.error().message});
    return false;
  }
  socket_.emplace(std::move(*socket));
  watcher_.start(socket_->fd(), ev::READ);
  return true;
}

void Instance::close_socket() {
  watcher_.stop();
  socket_.reset();
}

void Instance::on_lbcore(const ServingLease& lease) {
  if (!config_.track_lbcore) {
    feed(SyncChanged{true});
    feed(ServingRegained{});
    return;
  }
  feed(SyncChanged{lease.in_sync()});
  if (lease.serving()) {
    feed(ServingRegained{});
  } else {
    feed(ServingLost{"lbcore is not serving: " + lease.trouble()});
  }
}

void Instance::on_readable(ev::io&, int) {
  hear_what_waits();
}

void Instance::on_deadline() {
  // What waits in the socket was said before the deadline: it counts first, should we have been
  // late.
  if (around_.pair != nullptr) around_.pair->hear_what_waits();
  hear_what_waits();
  if (role() == Role::backup) {
    feed(GroupHolds{around_.group_holds()});
  }
  feed(DeadlinePassed{});
  if (const auto at = fsm_.deadline(); at && !deadline_.armed()) deadline_.arm(*at);
}

void Instance::hear_what_waits() {
  for (const auto* socket : {&socket_, &mac_socket_}) {
    if (!*socket) continue;
    const Status status = (*socket)->receive(kDatagramsPerWakeup, [this](const auto& datagram) {
      if (datagram) {
        hear(*datagram);
      } else {
        refuse("somebody", datagram.error());
      }
    });
    if (!status && failure_lines_.allow(around_.loop.now())) {
      around_.log.environment(subsystem_, "{}", status.error().message);
    }
  }
}

void Instance::hear(const Datagram& datagram) {
  const Admission admission{.vrid = config_.vrid,
                            .own = fsm_.parameters().own_address,
                            .peer = config_.peer,
                            .least_ttl = config_.least_ttl,
                            .version = config_.parameters.version,
                            .interval_cs = to_centiseconds(config_.parameters.interval)};
  const auto plain = authenticated() ? unseal(datagram) : datagram;
  if (!plain) return refuse(datagram.envelope.source.to_string(), plain.error());
  const auto received = receive(*plain, admission);
  if (!received) return refuse(datagram.envelope.source.to_string(), received.error());
  if (authenticated()) window_.take(offered_);
  around_.cell.received.fetch_add(1, std::memory_order_relaxed);
  if (config_.checksum == ChecksumChoice::automatic) form_ = received->decoded.form;
  check_agreement(*received);
  const Heard heard{.sender = received->source,
                    .priority = received->decoded.advertisement.priority,
                    .interval = from_centiseconds(received->decoded.advertisement.interval_cs)};
  tell_of_peer(heard);
  const auto before = fsm_.last_heard();
  around_.cell.last_heard.set(around_.loop.now());
  feed(heard);
  if (!before || before->sender != heard.sender || before->priority != heard.priority) {
    around_.on_testament();
  }
}

void Instance::refuse(const std::string& sender, RefuseReason reason) {
  ++refused_[static_cast<size_t>(reason)];
  if (!refusal_lines_.allow(around_.loop.now())) return;
  around_.log.remote(subsystem_, "refused an advertisement from {}: {}{} ({} more not logged)",
                     sender, name(reason), hint(reason), refusal_lines_.take_suppressed());
}

/// What the operator may do about it.
std::string Instance::hint(RefuseReason reason) const {
  const bool v2 = config_.parameters.version == 2;
  switch (reason) {
    case RefuseReason::version:
      return v2 ? "; we speak version 2: set version = 3 here, or version 2 there"
                : "; we speak version 3: set version = 2 here, or version 3 there "
                  "(keepalived: vrrp_version 3)";
    case RefuseReason::ttl:
      return config_.peer ? "; it came through a router (min_ttl), or did not start with 255 "
                            "(keepalived over IPv6: unicast_ttl 255)"
                          : "; it came through a router";
    case RefuseReason::auth_type:
      return "; take the authentication out of its configuration";
    case RefuseReason::other_interval:
      return fmt::format("; version 2 demands our {} of it",
                         format_duration(config_.parameters.interval));
    default:
      return {};
  }
}

/// Differences between the two configurations work, and are still mistakes.
void Instance::check_agreement(const Received& received) {
  const Advertisement& theirs = received.decoded.advertisement;
  const auto same_address = [&](const IpAddress& ip) {
    return std::any_of(config_.addresses.begin(), config_.addresses.end(),
                       [&](const Prefix& vip) { return vip.ip == ip; });
  };
  std::string difference;
  if (from_centiseconds(theirs.interval_cs) != config_.parameters.interval) {
    difference = fmt::format("advertises every {}, we every {}",
                             format_duration(from_centiseconds(theirs.interval_cs)),
                             format_duration(config_.parameters.interval));
  } else if (theirs.addresses.size() != config_.addresses.size() ||
             !std::all_of(theirs.addresses.begin(), theirs.addresses.end(), same_address)) {
    difference = "has other addresses than we";
  }
  if (difference.empty() || !disagreement_lines_.allow(around_.loop.now())) return;
  around_.log.remote(subsystem_, "{} {}: the two configurations differ",
                     received.source.to_string(), difference);
}

// --- The step ------------------------------------------------------------------------------------

void Instance::feed(const Event& event) {
  pending_.push_back(event);
  if (std::exchange(stepping_, true)) return;
  while (!pending_.empty()) {
    const Event next = std::move(pending_.front());
    pending_.pop_front();
    execute(fsm_.step(next, around_.loop.now()));
  }
  stepping_ = false;
  arm_look();
}

void Instance::execute(const Actions& actions) {
  for (const Action& action : actions) {
    const Status done = std::visit([this](const auto& known) { return execute(known); }, action);
    if (done) continue;
    around_.log.environment(subsystem_, "{}", done.error().message);
    pending_.push_front(ActionFailed{done.error().message});
    return;
  }
}

Status Instance::execute(const SendAdvertisement& action) {
  if (action.priority == kResignPriority && !action.to_winner && around_.pair != nullptr) {
    resigning_ = true;
    around_.pair->speak();
    resigning_ = false;
  }
  const auto& socket = config_.virtual_mac ? mac_socket_ : socket_;
  if (!socket) return {};
  if (config_.virtual_mac && !mac_up_ && action.priority != kResignPriority) {
    if (Status up = raise_mac(true); !up) return up;
  }
  std::vector<uint8_t> message = advertisement(action.priority);
  if (authenticated()) message = sealed(std::move(message), around_.life.next());
  Status sent =
      socket->send(vip_interface(), fsm_.parameters().own_address, envelope().destination, message);
  if (sent) {
    around_.cell.sent.fetch_add(1, std::memory_order_relaxed);
    if (action.priority != kResignPriority) around_.cell.last_sent.set(around_.loop.now());
    sends_failed_ = 0;
    return {};
  }
  // A resign is the best that could be done, often into a link that has just gone.
  if (action.priority == kResignPriority) return {};
  if (failure_lines_.allow(around_.loop.now())) {
    around_.log.environment(subsystem_, "{}", sent.error().message);
  }
  // One that is lost costs nothing. But who cannot be heard is not Active: the peer has taken over
  // by now.
  if (++sends_failed_ < kSendsToFail) return {};
  sends_failed_ = 0;
  return sent;
}

Status Instance::execute(const ArmDeadline& action) {
  deadline_.arm(action.at);
  return {};
}

Status Instance::execute(const DisarmDeadline&) {
  deadline_.disarm();
  return {};
}

Status Instance::execute(const Notify& action) {
  std::string line =
      action.from == action.to
          ? fmt::format("stays {} ({})", name(action.to), action.reason)
          : fmt::format("{} -> {} ({})", name(action.from), name(action.to), action.reason);
  around_.log.info(subsystem_, "{}", line);
  if (action.from == Role::active && action.to != Role::active) {
    // After the resign, which left through it.
    if (const Status down = raise_mac(false); !down) {
      around_.log.environment(subsystem_, "{}", down.error().message);
    }
  }
  if (action.from != action.to) {
    ++transitions_;
    if (around_.pair != nullptr) around_.pair->speak();
  }
  history_.push_back({std::move(line), around_.loop.now()});
  if (history_.size() > kHistoryLines) history_.pop_front();
  around_.on_testament();
  if (around_.on_notify && !stopping_) around_.on_notify(action, false);
  around_.on_role();
  return {};
}

// --- Addresses and messages ----------------------------------------------------------------------

Envelope Instance::envelope() const {
  return {.source = fsm_.parameters().own_address,
          .destination = config_.peer.value_or(multicast_group(config_.family)),
          .ttl = kTtl};
}

std::vector<uint8_t> Instance::advertisement(uint8_t priority) const {
  Advertisement out{.version = config_.parameters.version,
                    .vrid = config_.vrid,
                    .priority = priority,
                    .interval_cs = to_centiseconds(config_.parameters.interval),
                    .addresses = {}};
  out.addresses.reserve(config_.addresses.size());
  for (const Prefix& vip : config_.addresses) out.addresses.push_back(vip.ip);
  return encode(out, form_, envelope());
}

void Instance::reconfigure(RouterConfig config) {
  if (config == config_) return;
  const RouterConfig old = std::exchange(config_, std::move(config));
  if (config_.peer != old.peer && socket_) {
    close_socket();
    open_socket();
  }
  if (config_.checksum != old.checksum) form_ = first_form(config_.checksum);
  Parameters parameters = config_.parameters;
  parameters.own_address = fsm_.parameters().own_address;
  parameters.priority = tracked_.priority(parameters.priority);
  if (config_.witness != old.witness) use_witness();
  feed(Reconfigured{parameters});

  change_routes(old);
  if (config_.all_addresses() != old.all_addresses()) change_addresses();
  forget_links();
  if (monitor_ != nullptr) on_link(*monitor_);
  around_.log.info(subsystem_, "reconfigured");
  around_.on_testament();
  around_.on_role();
}

}  // namespace hapair::vrrp
