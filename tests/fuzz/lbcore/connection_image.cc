// What the other node sends as an image of a connection: refused with a reason, or a connection
// whose own image reads back as the same.
#include "lbcore/handover/connection_image.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

using namespace hapair::lbcore::handover;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): bytes to bytes
  const auto image = decode({reinterpret_cast<const char*>(data), size});
  if (!image) {
    if (image.error().message.empty()) std::abort();
    return 0;
  }
  if (!validate(image->client_side) || !validate(image->server_side)) std::abort();
  const auto again = decode(encode(*image));
  if (!again || *again != *image) std::abort();
  return 0;
}
