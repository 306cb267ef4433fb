// The one connection between the two nodes: the node with the lower endpoint connects, with
// back-off; the other one listens at its pair address, also before the address is there
// (IP_FREEBIND). Up means authenticated.
//
// Strangers cost little and displace nobody: connections from any address but the peer's are closed
// unread, pending handshakes are few and must end in time, the oldest makes room; only one that has
// authenticated itself replaces the connection there is (the peer's last life may not have noticed
// its end). Every refusal is counted, log lines are few. Nothing here throws or ends the process: a
// port in use or an unreachable peer is logged, shown and tried again.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <random>
#include <string>
#include <string_view>

#include <ev++.h>

#include "common/config/pair_section.h"
#include "common/event_loop.h"
#include "common/log.h"
#include "common/pair_key.h"
#include "common/rate_limit.h"
#include "lbcore/replicate/channel.h"
#include "lbcore/replicate/tls.h"

namespace hapair::lbcore::replicate {

class Link {
 public:
  struct Callbacks {
    std::function<void()> on_up;
    std::function<void(std::string_view payload)> on_frame;
    std::function<void()> on_pause;  // see Channel
    std::function<void(const std::string& reason)> on_down;
  };
  struct Timing {
    Duration handshake = 2s;
    Duration retry_least = 50ms;
    Duration retry_most = 1s;
    Duration silence = 1s;  // TCP gives up on unacknowledged data after this
  };
  static constexpr size_t kMaxHandshakes = 8;

  Link(EventLoop& loop, Logger& log, config::Pair pair, const PairKeys& keys, Timing timing,
       Callbacks callbacks, UniqueFd listener = {});
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  /// The listening socket, or -1.
  [[nodiscard]] int listener() const { return listener_.get(); }
  [[nodiscard]] bool up() const { return channel_ != nullptr; }
  [[nodiscard]] size_t room() const { return channel_ ? channel_->room() : 0; }
  void send(std::string_view payload);
  void flush();
  /// Ends the connection after what is queued was tried; on_down is not called.
  void drop(const std::string& reason);
  /// For connections from now on; the one there is stays.
  void set_keys(const PairKeys& keys);
  /// The peer is who we want: the next connect, if ever, comes soon.
  void settled() { retry_after_ = timing_.retry_least; }

  /// Why there is no connection, or empty.
  [[nodiscard]] const std::string& trouble() const { return trouble_; }
  [[nodiscard]] uint64_t refused() const { return refused_; }
  /// "lb2 10.255.0.2:7400".
  [[nodiscard]] const std::string& peer() const { return peer_; }

 private:
  using Connections = std::list<std::unique_ptr<Channel>>;

  void start();
  void start_later();
  void on_retry(ev::timer& watcher, int events);
  void connect();
  Status listen();
  UniqueFd take_inherited();
  void on_acceptable(ev::io& watcher, int events);
  void accepted(UniqueFd fd, const Endpoint& from);
  void shake_hands(UniqueFd fd);
  void ready(Connections::iterator at);
  void closed(Connections::iterator at, const std::string& reason);
  /// Closes it and takes it away; it may be on the stack of its own callback.
  void discard(Connections::iterator at);
  void prepare_socket(int fd) const;
  void note_trouble(Logger::Level level, std::string_view who, const std::string& what);

  EventLoop& loop_;
  Logger& log_;
  config::Pair pair_;
  Timing timing_;
  Callbacks callbacks_;
  bool connects_;
  TlsContext tls_;
  std::string peer_;

  UniqueFd inherited_;  // may take the place of a new listening socket, once
  UniqueFd listener_;
  Connections connections_;     // oldest first: those shaking hands, and channel_
  Channel* channel_ = nullptr;  // the authenticated one

  std::string trouble_;
  std::string logged_;
  RateLimit same_trouble_{1, 60s};
  RateLimit other_trouble_{20, 10s};
  RateLimit strangers_{3, 10s};
  uint64_t refused_ = 0;
  Duration retry_after_;
  std::minstd_rand jitter_{std::random_device{}()};
  ev::io acceptable_;
  ev::timer retry_;
};

}  // namespace hapair::lbcore::replicate
