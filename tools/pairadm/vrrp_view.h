// How vrrpd's own report on its routers is shown: for people, or as JSON. Pure.
#pragma once

#include <string>

#include "common/schema/control.pb.h"

namespace hapair::pairadm {

std::string vrrp_text(const control::VrrpStatus& status);
std::string vrrp_json(const control::VrrpStatus& status);

/// "demoted by root 3h 05m ago: new kernel"
std::string demotion_text(const control::Demotion& demotion);

}  // namespace hapair::pairadm
