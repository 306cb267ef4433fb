#include "vrrpd/wire/packet.h"

#include "vrrpd/wire/checksum.h"

namespace hapair::vrrp {

namespace {

constexpr uint8_t kTypeAdvertisement = 1;
constexpr size_t kHeaderBytes = 8;
constexpr size_t kChecksumOffset = 6;
constexpr size_t kAuthenticationBytes = 8;  // version 2: sent as zeros, RFC 3768 section 5.3.10
constexpr uint16_t kCentisecondsPerSecond = 100;

IpAddress address_at(std::span<const uint8_t> bytes, size_t offset, bool v6) {
  return v6 ? IpAddress::from_bytes(bytes.subspan(offset).first<16>())
            : IpAddress::from_bytes(bytes.subspan(offset).first<4>());
}

constexpr size_t address_bytes(bool v6) {
  return v6 ? 16 : 4;
}

/// The one length that a message of `count` addresses has.
constexpr size_t message_bytes(uint8_t version, bool v6, size_t count) {
  return kHeaderBytes + address_bytes(v6) * count + (version == 2 ? kAuthenticationBytes : 0);
}

/// The form in which the checksum of `message` is right: with it in place, the sum is 0xffff.
tl::expected<ChecksumForm, RefuseReason> checksum_form(std::span<const uint8_t> message,
                                                       const Envelope& envelope, uint8_t version) {
  const uint32_t sum = add_words(0, message);
  if (envelope.source.is_v4() && fold(sum) == 0xffff) return ChecksumForm::rfc;
  const uint32_t with_header =
      add_pseudo_header(sum, envelope.source, envelope.destination, kIpProtocol, message.size());
  if (version != 2 && fold(with_header) == 0xffff) return ChecksumForm::pseudo_header;
  return tl::unexpected(RefuseReason::checksum);
}

}  // namespace

std::string_view name(RefuseReason reason) {
  switch (reason) {
    case RefuseReason::truncated:
      return "truncated";
    case RefuseReason::length:
      return "length";
    case RefuseReason::version:
      return "version";
    case RefuseReason::type:
      return "type";
    case RefuseReason::checksum:
      return "checksum";
    case RefuseReason::vrid:
      return "vrid";
    case RefuseReason::no_addresses:
      return "no-addresses";
    case RefuseReason::interval:
      return "interval";
    case RefuseReason::ttl:
      return "ttl";
    case RefuseReason::own_source:
      return "own-source";
    case RefuseReason::not_the_peer:
      return "not-the-peer";
    case RefuseReason::destination:
      return "destination";
    case RefuseReason::auth_type:
      return "auth-type";
    case RefuseReason::other_interval:
      return "other-interval";
    case RefuseReason::authentication:
      return "authentication";
    case RefuseReason::replayed:
      return "replayed";
  }
  return "unknown";
}

const IpAddress& multicast_group(int family) {
  static const IpAddress v4 = IpAddress::v4(0xe0000012);
  static const IpAddress v6 = [] {
    constexpr std::array<uint8_t, 16> kBytes{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x12};
    return IpAddress::from_bytes(kBytes);
  }();
  return family == v6.family() ? v6 : v4;
}

std::vector<uint8_t> encode(const Advertisement& advertisement, ChecksumForm form,
                            const Envelope& envelope) {
  const bool v6 = envelope.source.is_v6();
  const bool v2 = advertisement.version == 2;
  std::vector<uint8_t> out(kHeaderBytes);
  out.reserve(message_bytes(advertisement.version, v6, advertisement.addresses.size()));
  out[0] = static_cast<uint8_t>(advertisement.version << 4 | kTypeAdvertisement);
  out[1] = advertisement.vrid;
  out[2] = advertisement.priority;
  out[3] = static_cast<uint8_t>(advertisement.addresses.size());
  // The reserved bits, and the type of no authentication, are sent as 0.
  store16(out, 4,
          v2 ? advertisement.interval_cs / kCentisecondsPerSecond
             : advertisement.interval_cs & kMaxIntervalCs);
  for (const IpAddress& address : advertisement.addresses) {
    const auto bytes = address.bytes();
    out.insert(out.end(), bytes.begin(), bytes.end());
  }
  if (v2) out.resize(out.size() + kAuthenticationBytes);
  uint32_t sum = add_words(0, out);
  if (v6 || (!v2 && form == ChecksumForm::pseudo_header)) {
    sum = add_pseudo_header(sum, envelope.source, envelope.destination, kIpProtocol, out.size());
  }
  store16(out, kChecksumOffset, static_cast<uint16_t>(~fold(sum)));
  return out;
}

tl::expected<Decoded, RefuseReason> decode(std::span<const uint8_t> message,
                                           const Envelope& envelope, uint8_t version) {
  // RFC 9568 section 7.1, in its order: version, complete packet, checksum, then the fields.
  if (message.empty()) return tl::unexpected(RefuseReason::truncated);
  if (message[0] >> 4 != version) return tl::unexpected(RefuseReason::version);
  if ((message[0] & 0x0f) != kTypeAdvertisement) return tl::unexpected(RefuseReason::type);
  if (message.size() < kHeaderBytes) return tl::unexpected(RefuseReason::truncated);
  const bool v6 = envelope.source.is_v6();
  const size_t count = message[3];
  // RFC 3768 section 7.1 looks at this last. But who sends a type of authentication may well send
  // data of another length, and the reason that helps is this one.
  if (version == 2 && message[4] != 0) return tl::unexpected(RefuseReason::auth_type);
  if (message.size() != message_bytes(version, v6, count)) {
    return tl::unexpected(RefuseReason::length);
  }
  const auto form = checksum_form(message, envelope, version);
  if (!form) return tl::unexpected(form.error());

  if (count == 0) return tl::unexpected(RefuseReason::no_addresses);
  Decoded out;
  out.form = *form;
  out.advertisement.version = version;
  out.advertisement.vrid = message[1];
  out.advertisement.priority = message[2];
  // Reserved bits are ignored.
  out.advertisement.interval_cs = version == 2
                                      ? static_cast<uint16_t>(message[5] * kCentisecondsPerSecond)
                                      : static_cast<uint16_t>(load16(message, 4) & kMaxIntervalCs);
  if (out.advertisement.interval_cs == 0) return tl::unexpected(RefuseReason::interval);
  out.advertisement.addresses.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    const size_t offset = kHeaderBytes + address_bytes(v6) * i;
    out.advertisement.addresses.push_back(address_at(message, offset, v6));
  }
  return out;
}

tl::expected<Datagram, RefuseReason> split(std::span<const uint8_t> ipv4_datagram) {
  constexpr size_t kLeastIpHeader = 20;
  if (ipv4_datagram.size() < kLeastIpHeader) return tl::unexpected(RefuseReason::truncated);
  const size_t header = static_cast<size_t>(ipv4_datagram[0] & 0x0f) * 4;
  const size_t total = load16(ipv4_datagram, 2);
  if (header < kLeastIpHeader || total < header || total > ipv4_datagram.size()) {
    return tl::unexpected(RefuseReason::truncated);
  }
  Datagram out;
  out.envelope.ttl = ipv4_datagram[8];
  out.envelope.source = address_at(ipv4_datagram, 12, false);
  out.envelope.destination = address_at(ipv4_datagram, 16, false);
  out.message = ipv4_datagram.subspan(header, total - header);
  return out;
}

tl::expected<Received, RefuseReason> receive(const Datagram& datagram, const Admission& admission) {
  const Envelope& envelope = datagram.envelope;
  if (envelope.ttl < admission.least_ttl) return tl::unexpected(RefuseReason::ttl);
  if (envelope.source == admission.own) return tl::unexpected(RefuseReason::own_source);
  if (admission.peer) {
    if (envelope.source != *admission.peer) return tl::unexpected(RefuseReason::not_the_peer);
    if (envelope.destination.is_multicast()) return tl::unexpected(RefuseReason::destination);
  } else if (envelope.destination != multicast_group(envelope.source.family())) {
    return tl::unexpected(RefuseReason::destination);
  }
  auto decoded = decode(datagram.message, envelope, admission.version);
  if (!decoded) return tl::unexpected(decoded.error());
  const Advertisement& advertisement = decoded->advertisement;
  if (advertisement.vrid != admission.vrid) return tl::unexpected(RefuseReason::vrid);
  // RFC 3768 section 7.1: "MUST verify that the Adver Interval in the packet is the same".
  if (admission.version == 2 && advertisement.interval_cs != admission.interval_cs) {
    return tl::unexpected(RefuseReason::other_interval);
  }
  return Received{.decoded = std::move(*decoded), .source = envelope.source};
}

}  // namespace hapair::vrrp
