// What the peer says of its open connections, as a stream of length-prefixed frames. Whatever it
// is: the bound holds, what was heard can be taken out again, and nothing else ends the process.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "common/framing.h"
#include "lbcore/orphans/exchange.h"
#include "lbcore/orphans/segment.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hapair::lbcore;
  constexpr size_t kMost = 20;
  orphans::Exchange exchange({.most = kMost, .most_waiting = 4});
  exchange.up(replicate::wire::Hello(), {});
  hapair::FrameDecoder decoder(replicate::Lane::kMaxFrameBytes);
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): bytes to bytes
  decoder.append({reinterpret_cast<const char*>(data), size});
  for (;;) {
    const auto payload = decoder.next();
    if (!payload || !*payload) break;
    replicate::wire::Frame frame;
    if (!frame.ParseFromArray((*payload)->data(), static_cast<int>((*payload)->size()))) break;
    if (!exchange.takes(frame.body_case()) || !exchange.take(frame, {})) break;
    if (exchange.known() > kMost) std::abort();
  }
  const size_t known = exchange.known();
  const auto dead = exchange.take_dead([](const hapair::IpAddress&) { return true; });
  if (dead.size() != known || exchange.known() != 0) std::abort();
  for (const auto& each : dead) {
    if (orphans::challenge(each, 1, 2).size() != (each.ours.ip.is_v4() ? 40U : 60U)) std::abort();
  }
  return 0;
}
