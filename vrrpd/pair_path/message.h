// The datagram of vrrpd's own heartbeat between the two pair addresses: bytes <-> values.
//
// Pure: no sockets, no clock. Everything is in network order; the tag authenticates all that is
// before it, with a key that belongs to the pair and to this direction (`common/hmac`). A decoded
// message is authentic; whether it is news is `path`'s to say. At most kMostBytes long.
//
//   0                   1                   2                   3
//   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//  |                          magic "HPP1"                         |
//  |                         epoch (64 bits)                       |
//  |                        sequence (64 bits)                     |
//  |                 echoed epoch of the receiver (64)             |
//  |                echoed sequence of the receiver (64)           |
//  |   pace in milliseconds        | 0 |D|I|S|A|  routers          |
//  +---------------------------------------------------------------+   A answer at once, S serving,
//  | per router: identity (32), VRID, 0|L|H|Q|R|role, priority,    |   I in sync, D demoted
//  |   interval (16, cs), witness answered n ms ago (16),          |   R resigns, Q asks: the LAN
//  is |   address length (4 or 16), address                           |   silent, H hears the
//  receiver
//  +---------------------------------------------------------------+   on the LAN, L link ok
//  | handover: kind; if not 0: identity (32), number (32),         |
//  |   text length, text                                           |
//  | tag (128)                                                     |
//  +---------------------------------------------------------------+
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "common/address.h"
#include "common/clock.h"
#include "common/hmac.h"
#include "vrrpd/election/actions.h"
#include "vrrpd/pair_path/life.h"

namespace hapair::vrrp {

inline constexpr size_t kMostPathRouters = 32;
inline constexpr size_t kMostHandoverText = 160;
inline constexpr size_t kMostPathBytes = 1400;  // fits every link in one piece

/// What a node says of one of its routers.
struct RouterWord {
  uint32_t id = 0;  // of its name: the same on both nodes
  uint8_t vrid = 0;
  Role role = Role::initialize;
  uint8_t priority = 0;
  Duration interval{0};
  bool link_ok = false;
  bool hears_you = false;                    // your advertisements arrive
  bool asks = false;                         // the LAN is silent here: are you well?
  bool resigns = false;                      // was Active, and has just left; the VIPs are gone
  std::optional<Duration> witness_age = {};  // since the witness answered last
  IpAddress address = {};                    // primary address on the router's interface

  friend bool operator==(const RouterWord&, const RouterWord&) = default;
};

struct HandoverNote {
  enum class Kind : uint8_t { none, request, accept, refuse };
  Kind kind = Kind::none;
  uint32_t router = 0;
  uint32_t number = 0;    // of the request, repeated in its answer
  std::string text = {};  // why it is refused; in a request "all" or nothing

  friend bool operator==(const HandoverNote&, const HandoverNote&) = default;
};

struct PathMessage {
  Stamp stamp = {};
  Stamp echo = {};  // the newest of the receiver that the sender has taken
  Duration pace{0};
  bool answer = false;  // say something at once
  bool serving = false;
  bool in_sync = false;
  bool demoted = false;
  std::vector<RouterWord> routers = {};
  HandoverNote handover = {};

  friend bool operator==(const PathMessage&, const PathMessage&) = default;
};

/// Why a datagram was not taken. The names appear in counters, in the log and in `pairadm status`.
enum class PathRefusal : uint8_t {
  malformed,       // not the shape above
  authentication,  // another key, or not for this direction
  replayed,        // authentic, and not newer than what was heard
  sender,          // not from the peer's pair address
};
inline constexpr size_t kPathRefusals = 4;
std::string_view name(PathRefusal reason);

/// The key with which `sender` signs: its own datagrams, thrown back at it, do not pass.
MacKey path_key(const PairKey& key, std::string_view sender);

/// A router's identity on the wire.
uint32_t router_id(std::string_view name);

/// `message` must keep the bounds above; longer texts are cut.
std::vector<uint8_t> encode(const PathMessage& message, const MacKey& key);
tl::expected<PathMessage, PathRefusal> decode(std::span<const uint8_t> datagram, const MacKey& key);

}  // namespace hapair::vrrp
