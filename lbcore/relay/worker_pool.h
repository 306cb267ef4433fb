// All workers as one: which addresses they listen on, what they route by, and whether every one of
// their loops turns. Owned by Balancer; main thread.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/clock.h"
#include "common/event_loop.h"
#include "common/log.h"
#include "common/result.h"
#include "common/unique_fd.h"
#include "lbcore/model/spec_diff.h"
#include "lbcore/model/topology.h"
#include "lbcore/relay/connection_budget.h"
#include "lbcore/relay/departure.h"
#include "lbcore/relay/worker.h"
#include "lbcore/sticky/session_store.h"

namespace hapair::lbcore::relay {

class WorkerPool {
 public:
  WorkerPool(Logger& log, sticky::SessionStore& sessions, size_t workers, size_t descriptor_limit,
             observe::AccessLog* access_log = nullptr, const LongLived::Tell& tell = {});

  [[nodiscard]] bool listens(const ListenKey& key) const { return listening_.contains(key); }

  /// Sockets that listen already, at least one per worker and address, until `publish` hands them
  /// over.
  using Opened = std::map<ListenKey, std::vector<UniqueFd>>;
  Status open(const ListenKey& key, TimePoint now, Opened& opened) const;

  /// Everything in `topology` that is in `opened` or listens already is served from now on; other
  /// listeners are drained and closed.
  void publish(const std::shared_ptr<const Topology>& topology, Opened&& opened, TimePoint now);

  /// Every open connection, a slice per call of `on_slice` on the main thread, until it returns
  /// false or has had the last one. False: another walk is under way.
  using OnSlice = std::function<bool(const std::vector<ConnectionInfo>& some, bool last)>;
  bool list_connections(EventLoop& main, OnSlice on_slice);

  /// Opens what is missing beside sockets that another process had.
  Status complete(const ListenKey& key, std::vector<UniqueFd>& sockets) const;
  /// Further descriptors of all listening sockets, in the order of the workers; `done` is called on
  /// the main thread.
  void share_sockets(EventLoop& main, std::function<void(Result<Opened> shared)> done);

  void stop_accepting();
  /// See Worker.
  void leave_listeners();
  void reset_connections();
  [[nodiscard]] size_t most_connections() const { return budget_.most(); }
  [[nodiscard]] size_t open_connections() const { return budget_.in_use() + budget_.flows(); }

  // ---- A handover without loss (DESIGN flow e). What is done is told on the main thread.

  /// No new client gets an answer; those in the accept queues, and those whose server has not
  /// accepted yet, get a short moment. `done` after 60 ms at the latest. New listeners, of a reload
  /// or in an upgrade's new process, are as quiet as their process.
  void quiesce(EventLoop& main, std::function<void()> done);
  void resume();

  /// The node that connections leave. Those that can go on at another node are silent from now on,
  /// and their images are theirs alone: their VIP, and the floating source address of their pool,
  /// must have left this node before, or they stay.
  void freeze(EventLoop& main, const Leaves& leaves, std::function<void(Frozen)> done);
  /// They go on as if nothing had happened: the addresses are back, and announced.
  void thaw();
  /// They are the other node's: ends them without a word.
  void discard_frozen();

  /// The node that they come to: sockets that are silent until revive(), and need no address of
  /// this node until then. An image that cannot be restored is a failure of that one connection.
  void restore(EventLoop& main, std::vector<std::string> images,
               std::function<void(Restored)> done);
  /// They go on here, and ask their peers at once what those have: the addresses are here and
  /// announced.
  void revive();
  /// They go on at the other node: ends them without a word.
  void discard_restored();

  /// Asks every worker for a sign of life: once answered(), it has done what it was told before.
  void ask();
  [[nodiscard]] bool answered() const;
  /// One beat of the serving lease: whether every worker has answered the beat before, which asks
  /// them anew.
  bool beat(TimePoint now);
  /// The worker that has been silent for longest, when that is longer than `patience`.
  struct Silent {
    size_t worker = 0;
    Duration since{0};
  };
  [[nodiscard]] std::optional<Silent> silent(TimePoint now, Duration patience) const;

 private:
  [[nodiscard]] bool ours(const ListenKey& key, TimePoint now) const;

  void list_next(EventLoop& main, size_t worker, bool from_start);

  ConnectionBudget budget_;
  OnSlice on_slice_;  // of the walk that is under way
  std::set<ListenKey> listening_;
  std::map<ListenKey, TimePoint> closed_;  // the workers may not have closed these yet
  std::vector<TimePoint> asked_at_;
  std::vector<std::unique_ptr<Worker>> workers_;  // last: their threads use what is above
};

}  // namespace hapair::lbcore::relay
