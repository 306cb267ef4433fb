// From one speaker to the next: what an instance leaves in the shared memory, and how it goes on
// from what an earlier one left there.
#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <net/if.h>

#include "vrrpd/speaker/instance.h"
#include "vrrpd/wire/packet.h"

namespace hapair::vrrp {

namespace {

std::string bytes_of(const IpAddress& ip) {
  const auto bytes = ip.bytes();
  return {bytes.begin(), bytes.end()};
}

std::optional<IpAddress> address_of(const std::string& text) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());  // NOLINT: bytes
  if (text.size() == 4) return IpAddress::from_bytes(std::span<const uint8_t, 4>(bytes, 4));
  if (text.size() == 16) return IpAddress::from_bytes(std::span<const uint8_t, 16>(bytes, 16));
  return std::nullopt;
}

int64_t ns(TimePoint at) {
  return at.time_since_epoch().count();
}

}  // namespace

void Instance::write(testament::Router& out) const {
  out.set_name(config_.name);
  out.set_interface(config_.interface);
  out.set_vrid(config_.vrid);
  out.set_cell(around_.cell_number);
  for (const Prefix& vip : installed_) {
    auto& address = *out.add_addresses();
    address.set_ip(bytes_of(vip.ip));
    address.set_length(static_cast<uint32_t>(vip.length));
    address.set_interface(vip_interface());
  }
  out.set_down_interval_ns(fsm_.down_interval().count());
  if (role() == Role::active) {
    for (const VirtualRoute& route : routes_to_remove(config_)) {
      out.add_first(NetlinkRoute::removal(route));
    }
    const Envelope to = envelope();
    auto& resign = *out.add_resigns();
    resign.set_kind(testament::Frame::RAW_VRRP);
    resign.set_interface(vip_interface());
    resign.set_source(bytes_of(to.source));
    resign.set_destination(bytes_of(to.destination));
    auto message = advertisement(kResignPriority);
    if (authenticated()) message = sealed(std::move(message), around_.life.last_will());
    resign.set_payload(message.data(), message.size());
    if (around_.pair != nullptr) write_last_will(*out.add_resigns());
  }
  if (role() == Role::initialize) return;
  testament::Life& life = *out.mutable_life();
  life.set_active(role() == Role::active);
  life.set_since_ns(ns(fsm_.since()));
  life.set_reason(fsm_.reason());
  life.set_active_interval_ns(fsm_.active_interval().count());
  life.set_handed_over(fsm_.handed_over());
  if (const auto away = fsm_.away_until()) life.set_away_until_ns(ns(*away));
  life.set_interface_index(interface_.index);
  life.set_own_address(bytes_of(fsm_.parameters().own_address));
  life.set_mac(interface_.mac.data(), interface_.mac.size());
  life.set_rfc_checksum(form_ == ChecksumForm::rfc);
  life.set_transitions(transitions_);
  if (const auto& last = fsm_.last_heard()) {
    life.mutable_heard()->set_address(bytes_of(last->sender));
    life.mutable_heard()->set_priority(last->priority);
  }
  for (const Past& past : history_) {
    auto& entry = *life.add_history();
    entry.set_line(past.line);
    entry.set_at_ns(ns(past.at));
  }
}

/// The same for every router of the node: it says that none of them is Active any more.
void Instance::write_last_will(testament::Frame& out) const {
  const config::Pair& pair = around_.pair->config().pair;
  const std::vector<uint8_t> will = around_.pair->last_will();
  out.set_kind(testament::Frame::UDP);
  out.set_source(bytes_of(pair.own.ip));
  out.set_destination(bytes_of(pair.other.ip));
  out.set_source_port(pair.own.port);
  out.set_port(pair.other.port);
  out.set_payload(will.data(), will.size());
}

bool Instance::resume(const testament::Router& left) {
  const testament::Life& life = left.life();
  const bool same = left.name() == config_.name && left.interface() == config_.interface &&
                    left.vrid() == config_.vrid;
  const auto own = address_of(life.own_address());
  if (!left.has_life() || !same || !own || life.mac().size() != interface_.mac.size()) return false;
  // An interface that came back under its old name is another one.
  interface_.index = life.interface_index();
  if (::if_nametoindex(config_.interface.c_str()) != static_cast<unsigned>(interface_.index)) {
    interface_.index = 0;
    return false;
  }
  interface_.name = config_.interface;
  std::copy(life.mac().begin(), life.mac().end(), interface_.mac.begin());
  Parameters parameters = fsm_.parameters();
  parameters.own_address = *own;
  feed(Reconfigured{parameters});
  if (!open_socket() || !prepare_mac(life.active())) return false;

  form_ = life.rfc_checksum() ? ChecksumForm::rfc : ChecksumForm::pseudo_header;
  transitions_ = life.transitions();
  for (const testament::Past& past : life.history()) {
    history_.push_back({past.line(), TimePoint(Duration(past.at_ns()))});
  }
  for (const testament::Address& address : left.addresses()) {
    if (!life.active()) break;  // on their way off the interface: leftovers
    const auto ip = address_of(address.ip());
    if (ip) installed_.push_back({.ip = *ip, .length = static_cast<int>(address.length())});
  }
  std::optional<LastHeard> last_heard;
  if (const auto sender = address_of(life.heard().address())) {
    last_heard = {.sender = *sender,
                  .priority = static_cast<uint8_t>(life.heard().priority()),
                  .at = around_.cell.last_heard.get()};
  }
  // lbcore's word about the tables was the dead speaker's; it is not known again yet.
  if (config_.track_lbcore) feed(SyncChanged{false});
  resumed_ = true;
  if (!life.active()) around_.cell.holds.store(false);  // it may have been adopting the VIPs
  feed(Resumed{.active = life.active(),
               .reason = life.reason(),
               .since = TimePoint(Duration(life.since_ns())),
               .last_sent = around_.cell.last_sent.get(),
               .active_interval = Duration(life.active_interval_ns()),
               .handed_over = life.handed_over(),
               .away_until = life.away_until_ns() == 0
                                 ? std::nullopt
                                 : std::optional(TimePoint(Duration(life.away_until_ns()))),
               .last_heard = last_heard});
  return true;
}

}  // namespace hapair::vrrp
