// The clients of the lab: many sessions, each with an address of its own and a steady pace, one
// impatient prober that finds out how long nobody is served, and, when asked for, two whose one
// connection lasts. Sessions are a whole number of addresses behind `first_client`; the prober uses
// the 250 addresses behind `first_prober` in turn, so that it is no session's neighbour.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "common/address.h"
#include "common/event_loop.h"
#include "tools/lab/client_log.h"
#include "tools/lab/http_request.h"
#include "tools/lab/long_connection.h"

namespace hapair::lab {

class Clients {
 public:
  struct Options {
    Endpoint target;
    size_t sessions = 1000;
    Duration session_every =
        2s;  // one request per session and turn; skipped while one is still open
    Duration session_deadline = 3s;
    Duration probe_every = 2ms;
    Duration probe_deadline = 50ms;
    IpAddress first_client = IpAddress::v4(0x0A010001);  // 10.1.0.1
    IpAddress first_prober = IpAddress::v4(0x0A01FF01);  // 10.1.255.1
    IpAddress lasting = IpAddress::v4(0x0A01FE01);       // 10.1.254.1
  };

  Clients(EventLoop& loop, const Options& options);
  Clients(const Clients&) = delete;
  Clients& operator=(const Clients&) = delete;

  [[nodiscard]] ClientLog& log() { return log_; }
  /// More sessions, asking from now on.
  void add_sessions(size_t count);
  /// A download and a dialogue, in the place of those before.
  void begin_lasting(uint64_t bytes, uint64_t bytes_per_s);
  [[nodiscard]] const LongConnection* download() const { return download_.get(); }
  [[nodiscard]] const LongConnection* dialogue() const { return dialogue_.get(); }
  /// Everything is counted from here on.
  void mark(TimePoint now);

 private:
  void next_session();
  void next_probe();

  EventLoop& loop_;
  Options options_;
  ClientLog log_;
  std::vector<std::unique_ptr<HttpRequest>> sessions_;  // by number; null between two requests
  size_t turn_ = 0;
  std::unordered_map<uint64_t, std::unique_ptr<HttpRequest>> probes_;
  uint64_t next_probe_number_ = 0;
  std::unique_ptr<LongConnection> download_;
  std::unique_ptr<LongConnection> dialogue_;
  Deadline session_tick_;
  Deadline probe_tick_;
};

}  // namespace hapair::lab
