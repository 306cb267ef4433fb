// Many connections through a proxy at once, both ends played by one thread. Every byte of a stream
// is known from its place in it, so that one that is lost, repeated or in another order is seen
// where it happens.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/address.h"
#include "common/clock.h"
#include "common/unique_fd.h"
#include "tests/support/namespace.h"

namespace hapair::test {

enum class Habit : uint8_t {
  idle,     // a few bytes at the beginning and at the end
  streams,  // both ways, all the time
  deaf,     // a client that reads nothing until the end, while its server says all it can
};

class Traffic {
 public:
  Traffic(const Namespace& clients, const Namespace& servers, const Endpoint& server);
  ~Traffic();
  Traffic(const Traffic&) = delete;
  Traffic& operator=(const Traffic&) = delete;

  /// One more client; returns when it is connected.
  void connect(const Endpoint& service, Habit habit);
  /// From here on everything goes its way.
  void start();
  [[nodiscard]] uint64_t received() const { return received_; }
  /// Every client and server that has said something is heard, in both directions.
  [[nodiscard]] size_t paired() const { return paired_; }
  /// Nobody says anything new but for a last word each way, and everybody listens, until all has
  /// arrived; what went wrong, or "".
  std::string finish(Duration within);

 private:
  struct End {
    UniqueFd fd;
    uint32_t stream = 0;  // that it says; its peer's is the one with the lowest bit flipped
    bool known = false;   // which connection it is (a server learns it from the first bytes)
    Habit habit = Habit::idle;
    bool is_client = false;
    uint64_t said = 0;
    uint64_t heard = 0;
    std::string trouble;
  };
  void run();
  void accept_all();
  void hear(End& end);
  void say(End& end, size_t most);
  [[nodiscard]] End* peer(const End& end);

  UniqueFd listener_;
  const Namespace& clients_;
  std::vector<std::unique_ptr<End>> ends_;
  std::vector<Habit> habits_;
  std::vector<End*> by_stream_;
  std::atomic<uint64_t> received_{0};
  std::atomic<size_t> paired_{0};
  std::atomic<bool> finishing_{false};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace hapair::test
