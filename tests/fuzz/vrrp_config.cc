// Any text as hapair.conf for vrrpd: mistakes that each name the file and a line, or a
// configuration.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <sstream>
#include <string>
#include <string_view>

#include "vrrpd/config/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto parsed = hapair::vrrp::parse_config(text, "hapair.conf", "lb1");
  if (parsed) return 0;
  std::istringstream mistakes(parsed.error().message);
  bool any = false;
  for (std::string line; std::getline(mistakes, line); any = true) {
    if (!line.starts_with("hapair.conf:")) std::abort();
  }
  if (!any) std::abort();
  return 0;
}
