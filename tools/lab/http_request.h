// One GET over one connection of its own, from a chosen source address, with a deadline over
// everything: connecting, asking and reading to the end. What a client of the load balancer
// experiences, by kind.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "common/address.h"
#include "common/event_loop.h"
#include "common/unique_fd.h"

namespace hapair::lab {

class HttpRequest {
 public:
  enum class Outcome : uint8_t {
    answered,
    refused,      // a reset while connecting: nobody listens
    reset,        // a reset afterwards
    cut_short,    // the connection ended before the answer did
    unreachable,  // the network said so
    timed_out,
  };
  static constexpr size_t kOutcomes = 6;
  static std::string_view name(Outcome outcome);

  struct Answer {
    Outcome outcome = Outcome::timed_out;
    std::string server = {};  // the origin's name
    std::string via = {};     // the address the origin was asked from: the node's
    Duration took{0};
  };
  using OnDone = std::function<void(const Answer&)>;

  /// `on_done` runs once, later, on the loop; it may destroy this object.
  HttpRequest(EventLoop& loop, const IpAddress& source, const Endpoint& target, Duration deadline,
              OnDone on_done);
  HttpRequest(const HttpRequest&) = delete;
  HttpRequest& operator=(const HttpRequest&) = delete;

 private:
  void on_ready(ev::io& watcher, int events);
  void on_timeout(ev::timer& watcher, int events);
  void read();
  void finish(Outcome outcome);
  void finish_with_error(int error);

  EventLoop& loop_;
  TimePoint begun_;
  OnDone on_done_;
  UniqueFd fd_;
  bool connected_ = false;
  std::string in_;
  ev::io io_;
  ev::timer timer_;
};

}  // namespace hapair::lab
