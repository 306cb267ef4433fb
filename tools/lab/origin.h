// A small HTTP/1.1 server for labs and tests, on one event loop. It says who it is and who asked,
// which is all that a test of a load balancer wants to know. Used by the program `origin`; not
// installed.
//
//   GET /                     "s1 for 10.0.1.2\n": its own name and the address that connected
//   (the node, behind lbcore)
//   GET /health               "ok\n", or the status set by /set?health=503
//   GET /big?bytes=N&rate=R   N bytes whose xxHash64 stands in X-Checksum; R of them per second, or
//   as fast as they go
//   GET /slow?ms=N            "/" after N milliseconds
//   GET /set?health=N         from now on /health answers with status N
//   POST /anything            "N XXHASH64\n": how much arrived and its checksum
//
// Keep-alive is the default as HTTP/1.1 has it; `Connection: close` is honoured. Every answer
// carries X-Server.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "common/address.h"
#include "common/event_loop.h"
#include "common/unique_fd.h"

namespace hapair::lab {

class Origin {
 public:
  /// Throws std::system_error when the port cannot be had.
  Origin(EventLoop& loop, std::string name, const Endpoint& listen);
  ~Origin();
  Origin(const Origin&) = delete;
  Origin& operator=(const Origin&) = delete;

 private:
  class Connection;
  void on_acceptable(ev::io& watcher, int events);
  void drop(uint64_t id);
  uint64_t checksum_of(uint64_t bytes);

  EventLoop& loop_;
  std::string name_;
  int health_status_ = 200;
  /// Of the size that was asked for last: it is often the same again.
  struct Known {
    uint64_t bytes = 0;
    uint64_t checksum = 0;
  };
  Known known_;
  UniqueFd listener_;
  uint64_t next_id_ = 1;
  std::map<uint64_t, std::unique_ptr<Connection>> connections_;
  ev::io watcher_;
};

}  // namespace hapair::lab
