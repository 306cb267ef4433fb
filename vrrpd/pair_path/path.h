// What is known over the pair path, and what is said there: the second heartbeat, without sockets.
//
// A datagram counts only when it is *live*: authentic, newer than everything before, and an echo of
// something that we have sent in this life, moments ago. So neither a recorded one, nor one that
// was held back, is taken for the peer's word. The echo also dates it: `proven` is when we sent
// what it echoes, and it was sent after that. Pure: bytes and now in, bytes and news out;
// `pair_path` is the shell around it, the simulator another one.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "common/clock.h"
#include "common/hmac.h"
#include "vrrpd/pair_path/life.h"
#include "vrrpd/pair_path/message.h"

namespace hapair::vrrp {

/// What the peer says of itself; as old as `heard`.
struct PeerView {
  std::string node;
  bool alive = false;  // heard within its down time
  TimePoint heard;
  bool serving = false;  // its lbcore, when it tracks one
  bool in_sync = false;
  bool demoted = false;
  std::vector<RouterWord> routers;

  [[nodiscard]] const RouterWord* find(uint32_t id) const;
  [[nodiscard]] const RouterWord* router(std::string_view name) const {
    return find(router_id(name));
  }
};

/// What this node says of itself.
struct OwnView {
  bool serving = true;
  bool in_sync = true;
  bool demoted = false;
  Duration pace = 1s;  // time between datagrams
  std::vector<RouterWord> routers;
  HandoverNote handover = {};
};

class Path {
 public:
  /// `life` is the speaker's, shared with what else it signs.
  Path(const PairKeys& keys, const std::string& node, const std::string& peer, Life& life);

  /// Signs with the first from now on, believes all. The last will has to be written anew.
  void set_keys(const PairKeys& keys);

  [[nodiscard]] std::vector<uint8_t> compose(const OwnView& own, bool ask, TimePoint now);
  /// For the guardian, to be sent once when we are dead: every Active router resigns. Valid until
  /// the epoch of either side changes.
  [[nodiscard]] std::vector<uint8_t> last_will(OwnView own) const;

  struct News {
    bool live = false;
    bool answer = false;             // it wants, or needs, a word of ours at once
    TimePoint proven;                // it was sent after this
    std::vector<uint32_t> resigned;  // routers that were Active there until now
    bool new_epoch = false;          // of either side: the last will has to be written anew
    bool risen = false;              // the peer was not alive before
    HandoverNote handover = {};
  };
  tl::expected<News, PathRefusal> receive(std::span<const uint8_t> datagram, TimePoint now);

  [[nodiscard]] const PeerView& peer() const { return peer_; }
  /// Until when the peer stays alive without another word; nothing when it is not.
  [[nodiscard]] std::optional<TimePoint> alive_until() const;
  /// Call at alive_until() or later. Whether the peer has fallen silent.
  bool check(TimePoint now);
  /// The peer's epoch, once a live word has proven it.
  [[nodiscard]] std::optional<uint64_t> peer_epoch() const;

 private:
  /// When we sent what the message echoes.
  [[nodiscard]] std::optional<TimePoint> sent_at(const Stamp& echo) const;
  [[nodiscard]] PathMessage message(const OwnView& own) const;

  std::string node_;
  MacKey own_key_{};
  std::vector<MacKey> peer_keys_;
  Life& life_;
  ReplayWindow window_;
  struct Sent {
    Stamp stamp;
    TimePoint at;
  };
  std::deque<Sent> sent_;  // the newest last
  Duration own_pace_ = 1s;
  Duration peer_pace_ = 1s;
  bool proven_epoch_ = false;
  PeerView peer_;
};

}  // namespace hapair::vrrp
