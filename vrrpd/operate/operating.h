// What operators' programs and commands need that outlives a speaker; made before the first fork.
#pragma once

#include "vrrpd/hooks/runners.h"
#include "vrrpd/operate/kept_note.h"

namespace hapair::vrrp {

struct Operating {
  Runners runners;
  KeptNote demotion;  // Demotion::to_text(), or empty
};

}  // namespace hapair::vrrp
