// vrrpd's second heartbeat at work: the shell around `path` and its socket. Owned by `speaker`.
//
// Says its word at the pace of the fastest router, and at once when something happened or the peer
// wants to know; hands the peer's words to the routers. Requests for a handover travel in the same
// datagrams, repeated until they are answered.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <ev++.h>

#include "common/event_loop.h"
#include "common/log.h"
#include "common/rate_limit.h"
#include "vrrpd/config/config.h"
#include "vrrpd/election/events.h"
#include "vrrpd/pair_path/path.h"
#include "vrrpd/pair_path/socket.h"

namespace hapair::vrrp {

class PairPath {
 public:
  struct Surroundings {
    EventLoop& loop;
    Logger& log;
    std::function<OwnView()> own;  // what there is to say now
    std::function<void(uint32_t router, const PairWord&)> on_word;
    std::function<void(uint32_t router)> on_asked;  // the peer does not hear it on the LAN
    std::function<void(uint32_t router, const std::string& node)> on_resigned;
    std::function<void()> on_silent;
    std::function<void()> on_epoch;  // the last will must be written anew
    /// The peer wants to be Active in this router, or in all of them: hands over, or says why not.
    std::function<Status(uint32_t router, bool all)> on_handover;
  };

  PairPath(Surroundings around, const PairConfig& config, Life& life);
  PairPath(const PairPath&) = delete;
  PairPath& operator=(const PairPath&) = delete;

  void set_keys(const PairKeys& keys);

  /// Says its word now. `ask`: and wants the peer's at once.
  void speak(bool ask = false);
  void hear_what_waits();

  [[nodiscard]] const PeerView& peer() const { return path_.peer(); }
  [[nodiscard]] std::optional<uint64_t> peer_epoch() const { return path_.peer_epoch(); }
  [[nodiscard]] const PairConfig& config() const { return config_; }

  /// Asks the peer to hand `router` over to us; `answer` is called once, later, with its word.
  /// `all`: and what else it has; an older peer does not understand that.
  void request_handover(const std::string& router, bool all, std::function<void(Status)> answer);

  /// The datagram with which the guardian resigns for us, from and to the pair's addresses.
  [[nodiscard]] std::vector<uint8_t> last_will() const;

  struct Counters {
    uint64_t sent = 0;
    uint64_t received = 0;  // live ones
    std::array<uint64_t, kPathRefusals> refused{};
  };
  [[nodiscard]] const Counters& counters() const { return counters_; }
  /// Why nothing can be sent, or why the peer is not believed; else empty.
  [[nodiscard]] const std::string& trouble() const {
    return trouble_.empty() ? disbelief_ : trouble_;
  }

 private:
  void open();
  void on_readable(ev::io& watcher, int events);
  void on_turn();
  void on_silence();
  void hear(std::span<const uint8_t> datagram, const IpAddress& from);
  void refuse(const IpAddress& from, PathRefusal reason);
  void tell_routers(const Path::News& news);
  void answer(const HandoverNote& request);
  void on_answer(const HandoverNote& answer);
  void finish_request(const Status& status);
  void say_trouble(const std::string& trouble);

  Surroundings around_;
  PairConfig config_;
  Path path_;
  std::optional<PathSocket> socket_;
  ev::io watcher_;
  Deadline turn_;
  Deadline silence_;
  TimePoint greeted_;  // when a word that was not live was answered last
  bool hearing_ = false;

  struct Request {
    HandoverNote note;
    std::function<void(Status)> answer;
  };
  std::optional<Request> request_;
  Deadline request_ends_;
  uint32_t requests_ = 0;
  HandoverNote given_;  // our last answer, until the peer has surely heard it
  TimePoint given_until_;

  Counters counters_;
  std::string trouble_;
  std::string disbelief_;  // until a word of the peer's is live
  RateLimit refusal_lines_{5, 10s};
};

}  // namespace hapair::vrrp
