// --set: the default timeouts, of services that set none of their own.
#include <array>
#include <string>

#include "common/units.h"
#include "tools/pairadm/listing.h"
#include "tools/pairadm/verbs.h"

namespace hapair::pairadm {

namespace {

constexpr int64_t kMostSeconds = int64_t{31} * 24 * 3600;  // as ipvsadm

}  // namespace

Result<control::Request> set_request(const Invocation& in, const Names&) {
  constexpr size_t kTimeouts = 3;
  if (in.operands.size() != kTimeouts)
    return fail("--set needs three timeouts in seconds, 0 keeps one: --set TCP TCPFIN UDP");
  std::array<uint32_t, kTimeouts> seconds{};
  for (size_t i = 0; i < kTimeouts; ++i) {
    const auto number = parse_integer(in.operands[i]);
    if (!number || *number < 0 || *number > kMostSeconds)
      return fail("--set {}: a timeout of 1 .. {} seconds, or 0 to keep what there is",
                  in.operands[i], kMostSeconds);
    seconds[i] = static_cast<uint32_t>(*number);
  }
  control::Request request;
  control::Timeouts& timeouts = *request.mutable_set_timeouts();
  if (seconds[0] > 0) timeouts.set_tcp(seconds[0]);
  if (seconds[1] > 0) timeouts.set_tcpfin(seconds[1]);
  if (seconds[2] > 0) timeouts.set_udp(seconds[2]);
  return request;
}

std::string timeouts_text(const control::Timeouts& timeouts) {
  return fmt::format("Timeout (tcp tcpfin udp): {} {} {}\n", timeouts.tcp(), timeouts.tcpfin(),
                     timeouts.udp());
}

Json timeouts_json(const control::Listing& listing) {
  if (!listing.has_timeouts()) return nullptr;
  const control::Timeouts& timeouts = listing.timeouts();
  return Json{{"tcp", timeouts.tcp()}, {"tcpfin", timeouts.tcpfin()}, {"udp", timeouts.udp()}};
}

}  // namespace hapair::pairadm
