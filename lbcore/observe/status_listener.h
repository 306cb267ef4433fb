// The status pages' own small HTTP server, on the main thread's loop: GET and HEAD, one request per
// connection, nothing else. Everything is bounded: how many clients (the oldest gives way), the
// size of a request, the time for it and for reading the answer, and what is made of an answer per
// turn of the loop.
//
// An address that cannot be bound is trouble that is shown and tried again, never fatal.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <ev++.h>

#include "common/address.h"
#include "common/event_loop.h"
#include "common/log.h"
#include "common/unique_fd.h"
#include "lbcore/observe/page.h"

namespace hapair::lbcore::observe {

class StatusListener {
 public:
  static constexpr size_t kMostClients = 32;
  static constexpr Duration kRequestTime = 5s;
  static constexpr Duration kStallTime = 10s;  // of a client that reads nothing of its answer

  using Pages = std::function<Page(std::string_view path)>;

  StatusListener(EventLoop& loop, Logger& log, Pages pages);
  ~StatusListener();
  StatusListener(const StatusListener&) = delete;
  StatusListener& operator=(const StatusListener&) = delete;

  /// Listens there from now on, or nowhere. The same address as before: nothing is touched.
  void configure(const std::optional<Endpoint>& listen);
  /// The listening socket, or -1, for another process to serve as well.
  [[nodiscard]] int listener() const { return fd_.get(); }
  /// Listens at `listen` through another process's socket.
  void adopt(const Endpoint& listen, UniqueFd listener);
  /// Why it does not listen although it should, or empty.
  [[nodiscard]] const std::string& trouble() const { return trouble_; }

 private:
  class Client;
  using Id = uint64_t;

  void open();
  void on_acceptable(ev::io& watcher, int events);
  void on_tick();
  void drop(Id id);

  EventLoop& loop_;
  Logger& log_;
  Pages pages_;
  std::optional<Endpoint> listen_;
  std::string trouble_;
  UniqueFd fd_;
  Id next_id_ = 0;
  std::map<Id, std::unique_ptr<Client>> clients_;  // oldest first
  ev::io watcher_;
  Ticker ticker_;
};

}  // namespace hapair::lbcore::observe
