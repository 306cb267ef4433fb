// One forwarding thread: its own event loop, its share of every listener, its connections. It
// shares with the others only the immutable topology, live counters, the session store and the
// budget of connections. The main thread talks to it through its loop's mailbox.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "common/log.h"
#include "common/rate_limit.h"
#include "common/result.h"
#include "common/unique_fd.h"
#include "lbcore/model/spec_diff.h"
#include "lbcore/model/topology.h"
#include "lbcore/observe/access_log.h"
#include "lbcore/relay/connection.h"
#include "lbcore/relay/connection_budget.h"
#include "lbcore/relay/departure.h"
#include "lbcore/relay/dispatcher.h"
#include "lbcore/relay/kernel_pipes.h"
#include "lbcore/relay/listener.h"
#include "lbcore/relay/long_lived.h"
#include "lbcore/relay/socket_loop.h"
#include "lbcore/relay/timer_wheel.h"
#include "lbcore/relay/udp_relay.h"
#include "lbcore/relay/wait_queue.h"
#include "lbcore/sticky/session_store.h"

namespace hapair::lbcore::relay {

class Worker {
 public:
  /// What one read may bring, and so the most that a blocked direction of a connection holds.
  static constexpr size_t kScratchBytes = size_t{64} << 10;

  /// `access_log`: null, or one that outlives it.
  Worker(Logger& log, sticky::SessionStore& sessions, ConnectionBudget& budget, size_t number,
         observe::AccessLog* access_log = nullptr, LongLived::Tell tell = {});
  ~Worker();  // resets what is still open
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // ---- Main thread

  /// This worker's share of the sockets of each address: most often one.
  using Sockets = std::map<ListenKey, std::vector<UniqueFd>>;
  /// Routes by `topology` from now on. Listeners whose address it does not have are drained and
  /// closed; `opened` are new sockets, for addresses that it has.
  void publish(std::shared_ptr<const Topology> topology, Sockets opened);
  /// Drains and closes all listeners; open connections go on, flows until they are answered.
  void stop_accepting();
  /// The same, while another process serves these very sockets: what arrives from now on is its.
  void leave_listeners();
  /// Further descriptors of its listening sockets; `done` is called on this worker's thread.
  void share_sockets(std::function<void(Result<Sockets> shared)> done);
  void reset_connections();
  /// The next `most` of the open connections, newest first, and then of the flows, `from_start` or
  /// where the last call ended. `done` is called on this worker's thread. One walk at a time.
  using OnConnections = std::function<void(std::vector<ConnectionInfo> some, bool more)>;
  void list_connections(bool from_start, size_t most, OnConnections done);

  // A move of connections to another node or from there: see WorkerPool. What is done is told on
  // this worker's thread.
  void quiesce(std::function<void()> done);
  void resume();
  void freeze(Leaves leaves, std::function<void(Frozen)> done);
  void thaw();
  void discard_frozen();
  void restore(std::vector<std::string> images, std::function<void(Restored)> done);
  void revive();
  void discard_restored();

  /// Asks for a sign of life; `answered` once the loop has turned since the last ask.
  void ask();
  [[nodiscard]] bool answered() const {
    return answered_.load(std::memory_order_relaxed) == asked_;
  }

  // ---- This worker's thread: for Listener and Connection

  SocketLoop& loop() { return loop_; }
  Dispatcher& dispatcher() { return dispatcher_; }
  KernelPipes& kernel_pipes() { return kernel_pipes_; }
  std::span<char> scratch() { return {scratch_.get(), kScratchBytes}; }
  void arm(WheelNode& node, TimePoint at);
  void disarm(WheelNode& node) { wheel_.disarm(node); }

  /// Takes one connection from the budget; false: stop accepting, it resumes by itself.
  bool may_accept();
  void accepted_nothing() { budget_.give_back(); }
  void accepted(UniqueFd client, const Endpoint& address, std::shared_ptr<const Service> service);
  /// Accepting pauses for a moment; `error` for the log.
  void out_of_descriptors(int error);
  LongLived& long_lived() { return long_lived_; }
  /// Deletes an over connection once nothing is on the stack any more.
  void retire(Connection& connection);
  [[nodiscard]] bool logs_access() const { return access_ring_ && access_ring_->wanted(); }
  /// Call when it logs. Never waits.
  void log_access(observe::AccessRecord record);
  /// The line of a client for whom no connection or flow was made.
  void log_turned_away(const std::shared_ptr<const Service>& service, const Endpoint& client,
                       observe::EndedBy by, observe::During during);
  void report_let_down(const Service& service, const IpAddress& client, const LiveServer* last,
                       int error);

  WaitQueue& queue() { return queue_; }
  /// A server has one connection less: the queue is served at the end of this turn of the loop.
  void place_is_free() {
    if (!queue_.empty()) serve_queue_soon();
  }
  /// Looks for places that others free, as long as somebody waits.
  void serve_queue_later();

  /// Counts a client that is turned away, and says so (bounded).
  void refused(const Service& service, const IpAddress& client, Refusal reason,
               std::string_view what);

 private:
  class QueueLook final : public WheelNode {
   public:
    explicit QueueLook(Worker& worker) : worker_(worker) {}
    void on_due() override { worker_.serve_queue(); }

   private:
    Worker& worker_;
  };
  class QuietLook final : public WheelNode {
   public:
    explicit QuietLook(Worker& worker) : worker_(worker) {}
    void on_due() override { worker_.look_whether_quiet(); }

   private:
    Worker& worker_;
  };
  class AcceptPause final : public WheelNode {
   public:
    explicit AcceptPause(Worker& worker) : worker_(worker) {}
    void on_due() override { worker_.resume_accepting(); }

   private:
    Worker& worker_;
  };

  void take(const std::shared_ptr<const Topology>& topology, Sockets opened);
  void add(Connection& connection);
  void look_whether_quiet();
  void be_quiet(const Listener& listener) const;
  Status restore_one(const std::string& bytes);
  template <typename Which, typename Do>
  void for_each(Which which, Do action);
  [[nodiscard]] Result<Sockets> duplicate_sockets() const;
  void pause_accepting();
  void resume_accepting();
  void on_timer();
  void set_timer();
  void end_turn();
  void serve_queue_soon();
  void serve_queue();

  Logger& log_;
  ConnectionBudget& budget_;
  const size_t number_;
  observe::AccessLog* access_log_;
  observe::AccessRing* access_ring_;
  SocketLoop loop_;
  TimerWheel wheel_;
  TimePoint timer_at_ = TimePoint::max();
  Dispatcher dispatcher_;
  std::unique_ptr<char[]> scratch_;
  KernelPipes kernel_pipes_;
  std::multimap<ListenKey, std::unique_ptr<Listener>> listeners_;
  Connection* open_ = nullptr;  // list
  Connection* walk_ = nullptr;  // where list_connections goes on
  std::vector<std::unique_ptr<Connection>> retired_;
  LongLived long_lived_;
  UdpRelay udp_;
  AcceptPause accept_pause_;
  WaitQueue queue_;
  QueueLook queue_look_;
  QuietLook quiet_look_;
  TimePoint quiet_until_{};
  std::function<void()> on_quiet_;  // while somebody waits for it
  bool quiet_ = false;              // no new clients
  bool serves_queue_soon_ = false;
  bool accepting_paused_ = false;
  RateLimit let_down_lines_{5, 1s};
  RateLimit exhausted_lines_{1, 5s};
  RateLimit refused_lines_{5, 1s};
  uint64_t asked_ = 0;  // main thread
  std::atomic<uint64_t> answered_{0};
  std::thread thread_;  // last: runs when everything above exists
};

}  // namespace hapair::lbcore::relay
