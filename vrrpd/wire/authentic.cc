#include "vrrpd/wire/authentic.h"

#include <algorithm>
#include <array>
#include <string>

namespace hapair::vrrp {

namespace {

constexpr std::array<uint8_t, 4> kMagic{'H', 'P', 'A', '1'};
constexpr size_t kTag = std::tuple_size_v<MacTag>;
constexpr size_t kTrailer = kMagic.size() + 3 * sizeof(uint64_t) + kTag;

void put64(std::vector<uint8_t>& out, uint64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<uint8_t>(value >> shift));
}

uint64_t load64(std::span<const uint8_t> bytes, size_t offset) {
  uint64_t out = 0;
  for (const uint8_t byte : bytes.subspan(offset, 8)) out = out << 8 | byte;
  return out;
}

/// What the tag covers: the addresses, then everything before it.
MacTag tag_of(std::span<const uint8_t> signed_bytes, const Envelope& envelope, const MacKey& key) {
  std::vector<uint8_t> all;
  all.reserve(32 + signed_bytes.size());
  for (const IpAddress* address : {&envelope.source, &envelope.destination}) {
    const auto bytes = address->bytes();
    all.insert(all.end(), bytes.begin(), bytes.end());
  }
  all.insert(all.end(), signed_bytes.begin(), signed_bytes.end());
  return authenticate(key, all);
}

}  // namespace

MacKey advertisement_key(const PairKey& key, std::string_view sender) {
  return derive_key(key, "hapair vrrpd advertisement 1, from " + std::string(sender));
}

SigningKeys signing_keys(const PairKeys& keys, std::string_view node, std::string_view peer) {
  SigningKeys out{.own = advertisement_key(keys.used, node),
                  .peer = {advertisement_key(keys.used, peer)}};
  if (keys.also) out.peer.push_back(advertisement_key(*keys.also, peer));
  return out;
}

std::vector<uint8_t> seal(std::vector<uint8_t> message, const Envelope& envelope,
                          const Stamp& stamp, uint64_t echo, const MacKey& key) {
  message.insert(message.end(), kMagic.begin(), kMagic.end());
  put64(message, stamp.epoch);
  put64(message, stamp.sequence);
  put64(message, echo);
  const MacTag tag = tag_of(message, envelope, key);
  message.insert(message.end(), tag.begin(), tag.end());
  return message;
}

tl::expected<Sealed, RefuseReason> open_seal(const Datagram& datagram,
                                             std::span<const MacKey> keys) {
  const auto bytes = datagram.message;
  if (bytes.size() < kTrailer) return tl::unexpected(RefuseReason::authentication);
  const auto message = bytes.first(bytes.size() - kTrailer);
  const auto trailer = bytes.last(kTrailer);
  const auto fits = [&](const MacKey& key) {
    const MacTag tag = tag_of(bytes.first(bytes.size() - kTag), datagram.envelope, key);
    return same_tag(tag, trailer.last(kTag));
  };
  if (!std::equal(kMagic.begin(), kMagic.end(), trailer.begin()) ||
      std::none_of(keys.begin(), keys.end(), fits)) {
    return tl::unexpected(RefuseReason::authentication);
  }
  return Sealed{.datagram = {.envelope = datagram.envelope, .message = message},
                .stamp = {.epoch = load64(trailer, kMagic.size()),
                          .sequence = load64(trailer, kMagic.size() + 8)},
                .echo = load64(trailer, kMagic.size() + 16)};
}

}  // namespace hapair::vrrp
