#include "vrrpd/wire/packet.h"

namespace hapair::vrrp {

namespace {

constexpr uint8_t kVersionAndType = 0x31;  // version 3, type 1 (ADVERTISEMENT)
constexpr size_t kHeaderBytes = 8;
constexpr size_t kAddressBytes = 4;
constexpr size_t kChecksumOffset = 6;

uint16_t load16(std::span<const uint8_t> bytes, size_t offset) {
  return static_cast<uint16_t>(bytes[offset] << 8 | bytes[offset + 1]);
}

void store16(std::span<uint8_t> bytes, size_t offset, uint16_t value) {
  bytes[offset] = static_cast<uint8_t>(value >> 8);
  bytes[offset + 1] = static_cast<uint8_t>(value & 0xff);
}

IpAddress address_at(std::span<const uint8_t> bytes, size_t offset) {
  return IpAddress::from_bytes(bytes.subspan(offset).first<kAddressBytes>());
}

/// Adds `bytes` to a running RFC 1071 sum of 16 bit words.
uint32_t add_words(uint32_t sum, std::span<const uint8_t> bytes) {
  for (size_t i = 0; i + 1 < bytes.size(); i += 2) sum += load16(bytes, i);
  if (bytes.size() % 2 != 0) sum += static_cast<uint32_t>(bytes.back() << 8);
  return sum;
}

uint16_t fold(uint32_t sum) {
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(sum);
}

/// Source, destination, protocol and length, as TCP and UDP sum them over IPv4.
uint32_t pseudo_header_sum(const Envelope& envelope, size_t message_bytes) {
  uint32_t sum = add_words(0, envelope.source.bytes());
  sum = add_words(sum, envelope.destination.bytes());
  return sum + kIpProtocol + static_cast<uint32_t>(message_bytes);
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
  }
  return "unknown";
}

std::vector<uint8_t> encode(const Advertisement& advertisement, ChecksumForm form,
                            const Envelope& envelope) {
  std::vector<uint8_t> out(kHeaderBytes);
  out.reserve(kHeaderBytes + kAddressBytes * advertisement.addresses.size());
  out[0] = kVersionAndType;
  out[1] = advertisement.vrid;
  out[2] = advertisement.priority;
  out[3] = static_cast<uint8_t>(advertisement.addresses.size());
  store16(out, 4, advertisement.interval_cs & kMaxIntervalCs);  // the reserved bits are sent as 0
  for (const IpAddress& address : advertisement.addresses) {
    const auto bytes = address.bytes();
    out.insert(out.end(), bytes.begin(), bytes.end());
  }
  uint32_t sum = add_words(0, out);
  if (form == ChecksumForm::pseudo_header) sum += pseudo_header_sum(envelope, out.size());
  store16(out, kChecksumOffset, static_cast<uint16_t>(~fold(sum)));
  return out;
}

tl::expected<Decoded, RefuseReason> decode(std::span<const uint8_t> message,
                                           const Envelope& envelope) {
  // RFC 9568 section 7.1, in its order: version, complete packet, checksum, then the fields.
  if (message.empty()) return tl::unexpected(RefuseReason::truncated);
  if (message[0] >> 4 != 3) return tl::unexpected(RefuseReason::version);
  if ((message[0] & 0x0f) != 1) return tl::unexpected(RefuseReason::type);
  if (message.size() < kHeaderBytes) return tl::unexpected(RefuseReason::truncated);
  const size_t count = message[3];
  if (message.size() != kHeaderBytes + kAddressBytes * count) {
    return tl::unexpected(RefuseReason::length);
  }

  // A message with its checksum in place sums to 0xffff.
  Decoded out;
  const uint32_t sum = add_words(0, message);
  if (fold(sum) == 0xffff) {
    out.form = ChecksumForm::rfc;
  } else if (fold(sum + pseudo_header_sum(envelope, message.size())) == 0xffff) {
    out.form = ChecksumForm::pseudo_header;
  } else {
    return tl::unexpected(RefuseReason::checksum);
  }

  if (count == 0) return tl::unexpected(RefuseReason::no_addresses);
  out.advertisement.vrid = message[1];
  out.advertisement.priority = message[2];
  out.advertisement.interval_cs = load16(message, 4) & kMaxIntervalCs;  // reserved bits are ignored
  if (out.advertisement.interval_cs == 0) return tl::unexpected(RefuseReason::interval);
  out.advertisement.addresses.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    out.advertisement.addresses.push_back(address_at(message, kHeaderBytes + kAddressBytes * i));
  }
  return out;
}

tl::expected<Datagram, RefuseReason> split(std::span<const uint8_t> datagram) {
  constexpr size_t kLeastIpHeader = 20;
  if (datagram.size() < kLeastIpHeader) return tl::unexpected(RefuseReason::truncated);
  const size_t header = static_cast<size_t>(datagram[0] & 0x0f) * 4;
  const size_t total = load16(datagram, 2);
  if (header < kLeastIpHeader || total < header || total > datagram.size()) {
    return tl::unexpected(RefuseReason::truncated);
  }
  Datagram out;
  out.envelope.ttl = datagram[8];
  out.envelope.source = address_at(datagram, 12);
  out.envelope.destination = address_at(datagram, 16);
  out.message = datagram.subspan(header, total - header);
  return out;
}

tl::expected<Received, RefuseReason> receive(std::span<const uint8_t> datagram,
                                             const Admission& admission) {
  const auto parts = split(datagram);
  if (!parts) return tl::unexpected(parts.error());
  const Envelope& envelope = parts->envelope;
  if (envelope.ttl < admission.least_ttl) return tl::unexpected(RefuseReason::ttl);
  if (envelope.source == admission.own) return tl::unexpected(RefuseReason::own_source);
  if (admission.peer) {
    if (envelope.source != *admission.peer) return tl::unexpected(RefuseReason::not_the_peer);
    if (envelope.destination.is_multicast()) return tl::unexpected(RefuseReason::destination);
  } else if (envelope.destination != IpAddress::v4(kMulticastGroup)) {
    return tl::unexpected(RefuseReason::destination);
  }
  auto decoded = decode(parts->message, envelope);
  if (!decoded) return tl::unexpected(decoded.error());
  if (decoded->advertisement.vrid != admission.vrid) return tl::unexpected(RefuseReason::vrid);
  return Received{.decoded = std::move(*decoded), .source = envelope.source};
}

}  // namespace hapair::vrrp
