// Every kind of client at once, each on a thread of its own: short ones, patient ones, downloads
// and uploads with checksums, datagrams, and those who misbehave: who leave in the middle, who say
// nothing, who do not read. A client may fail (its server was killed); it may never get a wrong
// byte.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "common/address.h"
#include "common/clock.h"
#include "tests/netns/lbcore/http.h"
#include "tests/support/namespace.h"

namespace hapair::test {

class SoakClients {
 public:
  SoakClients(const Namespace& from, const Endpoint& web, const Endpoint& echo);
  ~SoakClients() { stop(); }
  SoakClients(const SoakClients&) = delete;
  SoakClients& operator=(const SoakClients&) = delete;

  /// Waits until each kind was answered `more` times from now on, or for that long.
  bool wait_answers(int more, Duration within);
  /// Ends them; each finishes what it is at.
  void stop();

  /// Per kind: "short 812 (3 failed), ...".
  [[nodiscard]] std::string summary() const;
  [[nodiscard]] int damaged() const { return damaged_; }
  /// What was wrong with the first damaged answer; empty without one.
  [[nodiscard]] std::string damage() const;

 private:
  using Random = std::minstd_rand;
  struct Kind {
    const char* name;
    std::atomic<int> answered{0};
    std::atomic<int> failed{0};
    std::thread thread{};
  };

  void start(const char* name, std::function<void(Kind&, Random&)> turn);
  /// Counts it, and looks whether it is what was asked for.
  bool took(Kind& kind, const Answer& answer, bool with_checksum = false);
  void damage(const std::string& what);

  void ask_once(Kind& kind);
  void ask_on_one_connection(Kind& kind, Random& random);
  void download(Kind& kind, Random& random);
  void upload(Kind& kind, Random& random);
  void leave_in_the_middle(Kind& kind, Random& random);
  void say_nothing(Kind& kind, Random& random);
  void send_datagrams(Kind& kind, Random& random);

  const Namespace& from_;
  const Endpoint web_;
  const Endpoint echo_;
  std::atomic<bool> stop_{false};
  std::atomic<int> damaged_{0};
  mutable std::mutex mutex_;
  std::string damage_;
  std::vector<std::unique_ptr<Kind>> kinds_;
};

}  // namespace hapair::test
