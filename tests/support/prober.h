// What a client notices of a failover. Probers ask an address all the time from inside a client's
// namespace and keep every answer; a test marks a moment, does something to the pair and reads the
// gaps since then.
//
//   UdpProber   a datagram every millisecond (0.25 ms is possible) to Responders, which answer with
//   their node's name TcpProber   a connect every 2 ms, each given up after 50 ms (a lost SYN would
//   be retried after a whole second) ArpProber   asks by broadcast who has the address: both nodes
//   of a split pair answer the same question. Use it from
//               a namespace of its own: answers would refresh a client's neighbour table and hide
//               missing announcements
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <sys/socket.h>

#include "common/clock.h"
#include "common/unique_fd.h"
#include "tests/support/namespace.h"

namespace hapair::test {

/// A time without answers, from one answer to the next (or to now).
struct Gap {
  TimePoint begin;
  TimePoint end;
  size_t probes_lost =
      0;  // probes sent inside; few of them in a long gap mean that the prober itself was stalled
  [[nodiscard]] Duration length() const { return end - begin; }
};

/// Consecutive answers of one node.
struct Stretch {
  std::string who;
  TimePoint first;
  TimePoint last;
  size_t answers = 0;
};

/// What was asked and who answered when. Thread-safe.
class ProbeLog {
 public:
  void sent(uint64_t probe, TimePoint at);
  void answered(uint64_t probe, TimePoint at, std::string_view who);

  /// Gaps that end after `since` and are longer than `longer_than`, oldest first; the last may be
  /// open until now.
  [[nodiscard]] std::vector<Gap> gaps(TimePoint since, Duration longer_than) const;
  /// The longest time without an answer that touches [since, now].
  [[nodiscard]] Duration longest_gap(TimePoint since) const;
  [[nodiscard]] std::vector<Stretch> stretches(TimePoint since) const;
  /// From the first to the last probe since then that more than one node answered; zero when none
  /// was.
  [[nodiscard]] Duration dual_window(TimePoint since) const;
  [[nodiscard]] size_t answers(TimePoint since) const;
  /// Probes sent since then that nobody answered; those younger than `young` still may be.
  [[nodiscard]] size_t unanswered(TimePoint since, Duration young = 200ms) const;
  /// Who gave the last answer; "" before the first.
  [[nodiscard]] std::string last_answer() const;

 private:
  struct Answer {
    uint64_t probe;
    TimePoint at;
    std::string who;
  };
  [[nodiscard]] std::vector<Gap> all_gaps(TimePoint since) const;

  mutable std::mutex mutex_;
  std::vector<TimePoint> sent_;  // by probe number
  std::vector<Answer> answers_;
};

/// One thread that probes until destroyed.
class Prober {
 public:
  virtual ~Prober() = default;
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;
  [[nodiscard]] const ProbeLog& log() const { return log_; }

 protected:
  Prober() = default;
  ProbeLog log_;
};

/// Answers every datagram to `port`, whatever the address, with the probe's number and `name`, and
/// takes every TCP connection to it.
class Responder {
 public:
  static constexpr uint16_t kPort = 7007;
  /// `family`: AF_INET or AF_INET6, not both.
  Responder(const Namespace& in, std::string name, int family = AF_INET, uint16_t port = kPort);

 private:
  void answer(const std::stop_token& stop) const;
  void accept(const std::stop_token& stop) const;
  std::string name_;
  UniqueFd socket_;
  UniqueFd listener_;
  std::jthread thread_;
  std::jthread acceptor_;
};

class UdpProber : public Prober {
 public:
  UdpProber(const Namespace& from, const std::string& target, Duration interval = 1ms,
            uint16_t port = Responder::kPort);

 private:
  void probe(const std::stop_token& stop, Duration interval);
  UniqueFd socket_;
  std::jthread thread_;
};

class TcpProber : public Prober {
 public:
  TcpProber(const Namespace& from, const std::string& target, uint16_t port,
            Duration interval = 2ms, Duration deadline = 50ms);
  /// Connects that were answered with a reset since the start.
  [[nodiscard]] size_t refused() const { return refused_; }

 private:
  void probe(const std::stop_token& stop, const Namespace& from, const std::string& target,
             uint16_t port, Duration interval, Duration deadline);
  std::atomic<size_t> refused_{0};
  std::jthread thread_;
};

class ArpProber : public Prober {
 public:
  /// `names` gives MAC addresses ("02:00:..") the names that appear in the log; others appear as
  /// they are.
  ArpProber(const Namespace& from, const std::string& interface, const std::string& target,
            std::map<std::string, std::string> names, Duration interval = 1ms);

 private:
  void probe(const std::stop_token& stop, Duration interval);
  std::map<std::string, std::string> names_;
  uint32_t target_ = 0;  // network order
  std::vector<uint8_t> request_;
  UniqueFd socket_;
  std::jthread thread_;
};

}  // namespace hapair::test
