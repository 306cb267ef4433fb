// Whatever stands behind `check =`: a mistake with a reason, or a check whose canonical text reads
// back as the same check.
#include "lbcore/health/check_spec.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

using namespace hapair::lbcore::health;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto spec = parse_check({reinterpret_cast<const char*>(data), size});
  if (!spec) {
    if (spec.error().message.empty()) std::abort();
    return 0;
  }
  const auto again = parse_check(format_check(*spec));
  if (!again || *again != *spec) std::abort();
  return 0;
}
