// Whatever a raw socket delivers: split() and receive() must answer with a value or a reason, and
// what is accepted must survive being encoded and decoded again. Each input is read as an IPv4
// datagram, and as a message alone of either version and family, which reaches deeper.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "vrrpd/wire/packet.h"

using namespace hapair;        // NOLINT: a fuzz target is all about these two
using namespace hapair::vrrp;  // NOLINT

namespace {

const IpAddress& own(int family) {
  static const IpAddress v4 = IpAddress::v4(0xc00002fc);
  static const IpAddress v6 = IpAddress::parse("fe80::fc").value();
  return family == AF_INET6 ? v6 : v4;
}
const IpAddress& peer(int family) {
  static const IpAddress v4 = IpAddress::v4(0xc00002fb);
  static const IpAddress v6 = IpAddress::parse("fe80::fb").value();
  return family == AF_INET6 ? v6 : v4;
}

void receive_as(const Datagram& datagram, uint8_t version) {
  const int family = datagram.envelope.source.family();
  Admission admission{
      .vrid = 10, .own = own(family), .peer = {}, .version = version, .interval_cs = 100};
  for (int round = 0; round < 2; ++round) {
    const auto got = receive(datagram, admission);
    if (!got && name(got.error()) == "unknown") std::abort();
    admission.peer = peer(family);
    admission.least_ttl = 1;
  }
}

void message_of(std::span<const uint8_t> bytes, int family, uint8_t version) {
  const Envelope envelope{.source = peer(family), .destination = multicast_group(family)};
  receive_as({.envelope = envelope, .message = bytes}, version);
  const auto decoded = decode(bytes, envelope, version);
  if (!decoded) return;
  const Advertisement& advertisement = decoded->advertisement;
  if (advertisement.addresses.empty() || advertisement.interval_cs == 0) std::abort();
  const auto again = decode(encode(advertisement, decoded->form, envelope), envelope, version);
  if (!again || again->advertisement != advertisement) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const uint8_t> bytes(data, size);
  if (const auto datagram = split(bytes)) {
    receive_as(*datagram, 3);
    receive_as(*datagram, 2);
  }
  message_of(bytes, AF_INET, 3);
  message_of(bytes, AF_INET, 2);
  message_of(bytes, AF_INET6, 3);
  return 0;
}
