// The client of every contender: one thread that asks as fast as answers come, or at a given pace.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/clock.h"
#include "tests/bench/relay/meter.h"

namespace hapair::test::bench {

struct Load {
  enum class Kind : uint8_t {
    keep_alive,  // requests over connections that stay
    brief,       // a connection for each request
    paced,       // keep_alive at `rate` requests per second, answer times counted from when due
    bulk,        // reads what comes
    datagrams,   // as keep_alive, over UDP
  };
  Kind kind = Kind::keep_alive;
  size_t connections = 64;
  size_t ports = 1;  // so many in a row, in turn
  double rate = 0;
  Duration warm_up = 500ms;
  Duration window = 2s;
};

/// Of the window alone, without the warm-up.
struct Outcome {
  uint64_t answers = 0;
  uint64_t errors = 0;  // connections that failed or ended early
  uint64_t bytes = 0;
  Duration took{0};
  std::vector<Duration> delays;  // of `paced`, sorted
};

/// Runs on the calling thread, which is inside the client's namespace; `meter` sees the window
/// alone. Throws std::system_error when a socket is refused.
Outcome apply(const Load& load, const std::string& address, uint16_t port, Meter& meter);

/// So many connections, established as far as the server behind them has answered once; they stay
/// until the result is destroyed.
class Idle {
 public:
  Idle(const std::string& address, uint16_t port, size_t connections);
  ~Idle();
  Idle(const Idle&) = delete;
  Idle& operator=(const Idle&) = delete;

  [[nodiscard]] size_t answered() const { return answered_; }

 private:
  std::vector<int> fds_;
  size_t answered_ = 0;
};

}  // namespace hapair::test::bench
