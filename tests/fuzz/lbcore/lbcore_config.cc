// Any text as hapair.conf for lbcore: mistakes that each name the file and a line, or a Spec that
// is valid and the same when read again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <sstream>
#include <string>

#include <sys/mman.h>
#include <unistd.h>

#include "common/unique_fd.h"
#include "lbcore/config.h"

using namespace hapair;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const UniqueFd file(::memfd_create("hapair.conf", MFD_CLOEXEC));
  if (!file || ::write(file.get(), data, size) != static_cast<ssize_t>(size)) std::abort();
  const std::string path = "/proc/self/fd/" + std::to_string(file.get());
  const auto loaded = lbcore::load_config(path, "lb1");
  if (!loaded) {
    std::istringstream mistakes(loaded.error().message);
    bool any = false;
    for (std::string line; std::getline(mistakes, line); any = true) {
      if (!line.starts_with(path + ":")) std::abort();
    }
    if (!any) std::abort();
    return 0;
  }
  if (!lbcore::validate(loaded->spec)) std::abort();
  const auto again = lbcore::load_config(path, "lb1");
  if (!again || !(again->spec == loaded->spec)) std::abort();
  return 0;
}
