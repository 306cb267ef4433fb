// What an old process passes on to a new one: packets, each behind two bytes of length, whose first
// byte says how many descriptors came along. Whatever is wrong is an error with a reason; what is
// right names no address twice and has no descriptor of nothing.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include <sys/eventfd.h>

#include "lbcore/upgrade/inheritance.h"

using namespace hapair;
using namespace hapair::lbcore::upgrade;

namespace {

std::vector<UniqueFd> descriptors(size_t count) {
  std::vector<UniqueFd> out;
  for (size_t i = 0; i < count; ++i) out.emplace_back(::eventfd(0, EFD_CLOEXEC));
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  InheritanceReader reader;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  constexpr size_t kHead = 3;
  constexpr size_t kMostDescriptors = 8;
  while (input.size() >= kHead && !reader.complete()) {
    const auto byte = [&](size_t at) { return size_t{static_cast<uint8_t>(input[at])}; };
    const size_t length = byte(0) << 8U | byte(1);
    const size_t count = byte(2) % kMostDescriptors;
    input.remove_prefix(kHead);
    if (const Status taken = reader.take(input.substr(0, length), descriptors(count)); !taken) {
      if (taken.error().message.empty()) std::abort();
      return 0;
    }
    input.remove_prefix(std::min(length, input.size()));
  }
  if (!reader.complete()) return 0;
  const Inheritance all = reader.finish();
  if (!all.lock || !all.control || !all.role) std::abort();
  for (const auto& [key, sockets] : all.listeners) {
    for (const UniqueFd& socket : sockets) {
      if (!socket) std::abort();
    }
  }
  return 0;
}
