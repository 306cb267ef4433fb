// State that outlives every reload: counters, health, open connections. Shared by the workers
// (relaxed atomics: each is a figure of its own) and the main thread. Found by name: pool and
// address for a server, name for a service.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "common/address.h"
#include "common/clock.h"
#include "lbcore/balance/load.h"
#include "lbcore/limit/rate.h"
#include "lbcore/model/pulse.h"
#include "lbcore/model/rates.h"
#include "lbcore/model/refusal.h"
#include "lbcore/model/server_token.h"
#include "lbcore/observe/histogram.h"

namespace hapair::lbcore {

/// Dense number of a (pool, address) pair for as long as the process lives; only inside this
/// process.
using ServerId = uint32_t;

struct Counters {
  std::atomic<uint64_t> connections{0};
  std::atomic<uint32_t> active{0};
  std::atomic<uint64_t> bytes_in{0};   // from clients
  std::atomic<uint64_t> bytes_out{0};  // to clients
  // Reads that brought something; for UDP, datagrams. A connection tells of them now and then.
  std::atomic<uint64_t> packets_in{0};
  std::atomic<uint64_t> packets_out{0};
  std::atomic<uint64_t> failed{
      0};  // connections that found no server (service); failed connects (server)
};

inline Totals totals_of(const Counters& counters) {
  const auto now = [](const std::atomic<uint64_t>& counter) {
    return counter.load(std::memory_order_relaxed);
  };
  return {.connections = now(counters.connections),
          .packets_in = now(counters.packets_in),
          .packets_out = now(counters.packets_out),
          .bytes_in = now(counters.bytes_in),
          .bytes_out = now(counters.bytes_out),
          .failed = now(counters.failed)};
}

struct LiveServer {
  LiveServer(ServerId server_id, std::string pool_name, Endpoint server_address,
             std::shared_ptr<Pulse> pulse = std::make_shared<Pulse>())
      : id(server_id),
        token(server_token(server_address)),
        pool(std::move(pool_name)),
        address(server_address),
        up(false, pulse),
        ejected(false, std::move(pulse)) {}

  /// Up or down from now on; its slow start begins when it comes up.
  void set_up(bool is_up, TimePoint now) {
    if (is_up) up_since_.store(now, std::memory_order_relaxed);
    up.store(is_up);
  }
  [[nodiscard]] TimePoint up_since() const { return up_since_.load(std::memory_order_relaxed); }

  const ServerId id;
  const uint64_t token;  // of the address: the same on both nodes
  const std::string pool;
  const Endpoint address;
  PulsedFlag up;                  // servers start down: the first check decides
  std::atomic<bool> full{false};  // reached max_connections, and is not below min_connections yet
  // Passive ejection: what connections met, and whether it stands aside for it.
  PulsedFlag ejected;
  std::atomic<uint32_t> failures{0};  // in a row
  std::atomic<int> last_failure{0};   // errno
  Counters counters;
  std::atomic<uint32_t> sessions{0};
  observe::LatencySlot latency;
  balance::ResponseTime connect_time;     // for the scheduler lrt
  balance::ResponseTime first_byte_time;  // likewise

  // Main thread only.
  std::string last_result;  // "L7OK 200 in 0.8ms"
  TimePoint last_result_at{};
  TimePoint in_state_since{};
  uint64_t ejections = 0;   // so far
  std::string ejected_why;  // "PASSIVE 5 failures in a row, last: Connection refused"
  TimePoint ejected_until{};

  /// Up, and not ejected.
  [[nodiscard]] bool available() const {
    return up.load(std::memory_order_relaxed) && !ejected.load(std::memory_order_relaxed);
  }
  /// A connection to it failed before it had answered anything.
  void count_failure(int error) {
    last_failure.store(error, std::memory_order_relaxed);
    failures.fetch_add(1, std::memory_order_relaxed);
  }
  /// It answered. Most often there is nothing to take back, and nothing is written.
  void count_success() {
    if (failures.load(std::memory_order_relaxed) != 0) failures.store(0, std::memory_order_relaxed);
  }
  Totals zeroed;  // what the counters said at the last `pairadm -Z`
  RateMeter rate;

 private:
  std::atomic<TimePoint> up_since_{};
};

struct LiveService {
  explicit LiveService(std::string service_name) : name(std::move(service_name)) {}

  const std::string name;
  Counters counters;
  std::array<std::atomic<uint64_t>, kRefusals> refused{};  // by Refusal
  limit::SharedRate admitted;                              // of new connections
  std::atomic<uint32_t> queued{0};                         // clients that wait for a server now
  std::atomic<uint64_t> queue_waits{0};                    // clients that had to wait, so far
  std::atomic<uint64_t> retries{0};  // further servers asked because one had failed
  std::atomic<uint64_t> idle_timeouts{0};
  std::atomic<uint64_t> half_closed_timeouts{0};

  // Main thread only.
  std::string trouble;  // why it does not listen, or empty
  Totals zeroed;
  RateMeter rate;
};

}  // namespace hapair::lbcore
