// What operators and tracked things make of a router: its faults, its effective priority.
#include <string>
#include <utility>

#include "vrrpd/speaker/instance.h"

namespace hapair::vrrp {

void Instance::on_tracked(const std::string& name, Tracked::Thing thing) {
  tracked_.set(name, std::move(thing));
  apply_tracked();
}

void Instance::forget_tracked(const std::function<bool(const std::string& name)>& keep) {
  tracked_.keep_only(keep);
  apply_tracked();
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
