// What two hapair nodes put behind a unicast advertisement, so that nobody else can speak for them:
// a trailer with epoch, sequence and a tag over source, destination and message.
//
// RFC 9568 knows no authentication. The message itself stays as it is, checksum included; a router
// that does not expect the trailer refuses the datagram for its length, which is why foreign peers
// get none. Pure.
//
//   | VRRP message | "HPA1" | epoch (64) | sequence (64) | echoed epoch of the receiver (64) |
//   | tag (128) |
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "common/hmac.h"
#include "vrrpd/pair_path/life.h"
#include "vrrpd/wire/packet.h"

namespace hapair::vrrp {

/// The key with which `sender` signs its advertisements.
MacKey advertisement_key(const PairKey& key, std::string_view sender);

/// With what a speaker signs its own, and checks those of the peer.
struct SigningKeys {
  MacKey own{};
  std::vector<MacKey> peer = {};  // any of them will do
};
SigningKeys signing_keys(const PairKeys& keys, std::string_view node, std::string_view peer);

/// `message` with its trailer. `echo`: the newest epoch of the receiver that we know, or 0.
std::vector<uint8_t> seal(std::vector<uint8_t> message, const Envelope& envelope,
                          const Stamp& stamp, uint64_t echo, const MacKey& key);

struct Sealed {
  Datagram datagram;  // without the trailer
  Stamp stamp;
  uint64_t echo = 0;
};
/// Whether it is news is the caller's to say.
tl::expected<Sealed, RefuseReason> open_seal(const Datagram& datagram,
                                             std::span<const MacKey> keys);

}  // namespace hapair::vrrp
