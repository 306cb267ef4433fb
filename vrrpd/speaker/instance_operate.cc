// What operators and tracked things make of a router: its faults, its effective priority.
#include <string>
#include <utility>

#include <fmt/format.h>

#include "vrrpd/speaker/instance.h"
#include "vrrpd/wire/packet.h"

namespace hapair::vrrp {

void Instance::on_tracked(const std::string& name, Tracked::Thing thing) {
  tracked_.set(name, std::move(thing));
  apply_tracked();
}

void Instance::forget_tracked(const std::function<bool(const std::string& name)>& keep) {
  tracked_.keep_only(keep);
  apply_tracked();
}

void Instance::on_demotion(const std::string& why) {
  feed(FaultChanged{.fault = Fault::demoted, .reason = why});
}

void Instance::hand_over(const std::string& reason) {
  feed(HandOver{reason});
}

void Instance::take_back() {
  feed(TakeBack{});
}

/// Called before the state machine hears it.
void Instance::tell_of_peer(const Heard& heard) {
  if (!around_.on_peer) return;
  const auto& last = fsm_.last_heard();
  const std::string sender = heard.sender.to_string();
  const bool resigned = heard.priority == kResignPriority;
  if (resigned && (!last || last->priority != kResignPriority)) {
    around_.on_peer(sender + " resigned");
  } else if (!resigned &&
             (!last || last->sender != heard.sender || last->priority == kResignPriority ||
              around_.loop.now() - last->at > fsm_.down_interval())) {
    around_.on_peer(fmt::format("{} is heard, priority {}", sender, heard.priority));
  } else if (!resigned && last->priority != heard.priority) {
    around_.on_peer(
        fmt::format("{} has priority {}, had {}", sender, heard.priority, last->priority));
  }
}

void Instance::write_operating(control::VrrpRouter& out) const {
  out.set_effective_priority(fsm_.parameters().priority);
  out.set_priority_why(tracked_.why(config_.parameters.priority));
  out.set_preempt(config_.parameters.preempt);
  for (const auto& [name, thing] : tracked_.things()) {
    control::Tracked& tracked = *out.add_tracked();
    tracked.set_name(name);
    tracked.set_weight(thing.weight);
    tracked.set_known(thing.good.has_value());
    tracked.set_good(thing.good.value_or(false));
    tracked.set_reason(thing.reason);
  }
  const auto& heard = fsm_.last_heard();
  if (!heard) return;
  out.set_heard_sender(heard->sender.to_string());
  out.set_heard_priority(heard->priority);
  const auto ago = around_.loop.now() - heard->at;
  out.set_heard_ms(
      static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(ago).count()));
  out.set_heard_in_state(heard->at > fsm_.since() && heard->priority != kResignPriority);
}

void Instance::apply_tracked() {
  Parameters parameters = fsm_.parameters();
  parameters.priority = tracked_.priority(config_.parameters.priority);
  if (parameters != fsm_.parameters()) {
    const std::string why = tracked_.why(config_.parameters.priority);
    around_.log.info(subsystem_, "priority {} -> {} ({})", fsm_.parameters().priority,
                     parameters.priority, why.empty() ? "as configured" : why);
    feed(Reconfigured{parameters});
  }
  feed(FaultChanged{.fault = Fault::tracked, .reason = tracked_.fault()});
}

}  // namespace hapair::vrrp
