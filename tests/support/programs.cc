#include "tests/support/programs.h"

#include <cstdlib>
#include <stdexcept>

#include <unistd.h>

#include "tests/support/program_paths.h"  // generated: one constant per program, empty when it has no target

namespace hapair::test::programs {

namespace {

std::string locate(const char* variable, const char* built) {
  const char* named = std::getenv(variable);
  std::string path = named != nullptr ? named : built;
  if (path.empty() || ::access(path.c_str(), X_OK) != 0) {
    throw std::runtime_error(std::string(variable) + ": program '" + path + "' is not built");
  }
  return path;
}

}  // namespace

std::string vrrpd() {
  return locate("HAPAIR_VRRPD", built::kvrrpd);
}
std::string lbcore() {
  return locate("HAPAIR_LBCORE", built::klbcore);
}
std::string pairadm() {
  return locate("HAPAIR_PAIRADM", built::kpairadm);
}
std::string origin() {
  return locate("HAPAIR_ORIGIN", built::korigin);
}
std::string traffic() {
  return locate("HAPAIR_TRAFFIC", built::ktraffic);
}

std::string confined() {
  return locate("HAPAIR_CONFINED", built::kconfined);
}

}  // namespace hapair::test::programs
