// -v: needs no daemon.
#include <fmt/format.h>

#include "tools/pairadm/verbs.h"

namespace hapair::pairadm {

int run_version(const Invocation&, Shell& shell) {
  shell.out << "pairadm (hapair) " HAPAIR_VERSION "\n";
  return kDone;
}

}  // namespace hapair::pairadm
