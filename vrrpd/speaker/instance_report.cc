// What an instance tells others: its role to lbcore, its state to pairadm.
#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "common/units.h"
#include "vrrpd/speaker/instance.h"
#include "vrrpd/wire/packet.h"

namespace hapair::vrrp {

std::string Instance::about_peer() const {
  const auto& heard = fsm_.last_heard();
  if (!heard) return {};
  const Duration ago = around_.loop.now() - heard->at;
  const Duration rounded =
      ago < 1s ? std::chrono::floor<std::chrono::milliseconds>(ago) : ago - ago % 100ms;
  return fmt::format("{} priority {}, heard {} ago", heard->sender.to_string(), heard->priority,
                     format_duration(rounded));
}

void Instance::write(role::Router& out) const {
  out.set_name(config_.name);
  switch (role()) {
    case Role::initialize:
      out.set_state(role::STATE_INITIALIZE);
      break;
    case Role::backup:
      out.set_state(role::STATE_BACKUP);
      break;
    case Role::active:
      out.set_state(role::STATE_ACTIVE);
      break;
  }
  out.set_away(fsm_.away());
  out.set_reason(fsm_.reason());
  const auto in_state = around_.loop.now() - fsm_.since();
  out.set_in_state_ms(static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(in_state).count()));
  for (const Prefix& vip : config_.addresses) out.add_addresses(vip.to_string());
  out.set_vrid(config_.vrid);
  out.set_priority(config_.parameters.priority);
  out.set_interface(config_.interface);
  out.set_peer(about_peer());
}

void Instance::write(control::VrrpRouter& out) const {
  const auto micros = [](Duration duration) {
    return static_cast<uint64_t>(std::max<int64_t>(
        0, std::chrono::duration_cast<std::chrono::microseconds>(duration).count()));
  };
  write(*out.mutable_router());
  write_operating(out);
  out.set_transitions(transitions_);
  out.set_sent(around_.cell.sent.load(std::memory_order_relaxed));
  out.set_received(around_.cell.received.load(std::memory_order_relaxed));
  for (size_t i = 0; i < refused_.size(); ++i) {
    if (refused_[i] == 0) continue;
    (*out.mutable_refused())[std::string(name(static_cast<RefuseReason>(i)))] = refused_[i];
  }
  out.set_advert_interval_us(micros(config_.parameters.interval));
  out.set_down_interval_us(micros(fsm_.down_interval()));
  const TimePoint now = around_.loop.now();
  if (const auto at = fsm_.deadline()) out.set_next_deadline_us(micros(*at - now));
  for (const Past& past : history_) {
    const auto ago = std::chrono::duration_cast<std::chrono::seconds>(now - past.at);
    out.add_history(fmt::format("{} {}s ago", past.line, ago.count()));
  }
}

}  // namespace hapair::vrrp
