#include "vrrpd/guardian/realtime.h"

#include <sched.h>
#include <sys/mman.h>

#include "common/result.h"

namespace hapair::vrrp {

std::string become_realtime() {
  std::string refused;
  // The lowest one: ahead of everything ordinary, behind whatever the machine itself runs in real
  // time.
  sched_param parameters{};
  parameters.sched_priority = ::sched_get_priority_min(SCHED_RR);
  if (::sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &parameters) != 0) {
    refused = system_error("real-time priority").message;
  }
  // On fault: what is used is locked; the stacks of idle threads are not filled for it.
  if (::mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0) {
    if (!refused.empty()) refused += "; ";
    refused += system_error("locked memory").message;
  }
  return refused;
}

}  // namespace hapair::vrrp
