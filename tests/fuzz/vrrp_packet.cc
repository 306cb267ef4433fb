// Whatever a raw socket delivers: receive() must answer with a value or a reason, and what it
// accepts must survive being encoded and decoded again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "vrrpd/wire/packet.h"

using namespace hapair;        // NOLINT: a fuzz target is all about these two
using namespace hapair::vrrp;  // NOLINT

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const uint8_t> bytes(data, size);
  const Envelope envelope{.source = IpAddress::v4(0xc00002fb),
                          .destination = IpAddress::v4(kMulticastGroup),
                          .ttl = kTtl};

  // As a whole datagram, and as a message alone, which reaches deeper.
  Admission admission{.vrid = 10, .own = IpAddress::v4(0xc00002fc), .peer = {}, .least_ttl = kTtl};
  (void)receive(bytes, admission);
  admission.peer = IpAddress::v4(0xc00002fb);
  admission.least_ttl = 1;
  (void)receive(bytes, admission);

  const auto decoded = decode(bytes, envelope);
  if (!decoded) {
    if (name(decoded.error()) == "unknown") std::abort();
    return 0;
  }
  if (decoded->advertisement.addresses.empty() || decoded->advertisement.interval_cs == 0)
    std::abort();
  const auto again = decode(encode(decoded->advertisement, decoded->form, envelope), envelope);
  if (!again || again->advertisement != decoded->advertisement) std::abort();
  return 0;
}
