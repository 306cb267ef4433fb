// The UDP side of a worker: its listeners, the buffers that they share, and the end of each turn of
// the event loop, when collected answers leave and what is over is deleted. Lives on the worker's
// thread.
//
// Flows share the budget of descriptors with connections, up to half of it. When it is spent, a new
// flow makes room by ending the one unused for longest of the service that has most flows here.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "common/log.h"
#include "common/rate_limit.h"
#include "common/result.h"
#include "common/unique_fd.h"
#include "lbcore/model/spec_diff.h"
#include "lbcore/model/topology.h"
#include "lbcore/relay/connection_budget.h"
#include "lbcore/relay/udp_batch.h"
#include "lbcore/relay/udp_listener.h"
#include "lbcore/sticky/siphash.h"

namespace hapair::lbcore::relay {

class Worker;

class UdpRelay {
 public:
  UdpRelay(Worker& worker, Logger& log, ConnectionBudget& budget);
  ~UdpRelay();
  UdpRelay(const UdpRelay&) = delete;
  UdpRelay& operator=(const UdpRelay&) = delete;

  /// Serves the UDP services of `topology`; of `opened` it takes the sockets that are new. Call
  /// before the dispatcher knows the topology: what waits at a removed address was promised the old
  /// pools.
  void take(const Topology& topology, std::map<ListenKey, std::vector<UniqueFd>>& opened);
  /// Every listener closes once its flows are answered.
  void stop();
  /// The same, while another process serves the sockets: what waits is the last that is read.
  void leave();
  /// Appends another descriptor of each listening socket.
  Status share_sockets(std::map<ListenKey, std::vector<UniqueFd>>& out) const;
  /// Closes all at once.
  void end_all();

  /// Appends the next flows until there are `most`, newest first, where the last call ended. True:
  /// there are more.
  bool list(std::vector<ConnectionInfo>& some, size_t most);
  void list_from_start() { walk_ = open_; }

  // ---- For listeners and flows

  [[nodiscard]] Worker& worker() const { return worker_; }
  [[nodiscard]] RequestBatch& requests() { return buffers_->requests; }
  [[nodiscard]] ReplyBatch& replies() { return buffers_->replies; }
  [[nodiscard]] const sticky::SipKey& secret() const { return secret_; }
  /// Counts the turns of the event loop.
  [[nodiscard]] uint32_t turn() const { return turn_; }
  /// Takes one flow from the budget, from another flow if it must.
  bool may_open();
  /// Ends a flow other than `spared`; false when there is none.
  bool make_room(const UdpFlow* spared = nullptr);
  void opened(UdpFlow& flow);
  /// Of the event loop: collected answers leave, and what is over is deleted.
  void end_turn() {
    ++turn_;
    if (buffers_) settle();
  }
  /// Deletes it once nothing is on the stack any more.
  void retire(std::unique_ptr<UdpFlow> flow);

 private:
  struct Buffers {
    RequestBatch requests;
    ReplyBatch replies;
  };

  void settle();

  Worker& worker_;
  Logger& log_;
  ConnectionBudget& budget_;
  const sticky::SipKey secret_ = sticky::random_sip_key();
  std::optional<Buffers> buffers_;
  std::multimap<ListenKey, std::unique_ptr<UdpListener>> listeners_;
  std::vector<std::unique_ptr<UdpListener>> closing_;
  UdpFlow* open_ = nullptr;  // list of all flows
  UdpFlow* walk_ = nullptr;  // where list() goes on
  std::vector<std::unique_ptr<UdpFlow>> retired_;
  RateLimit crowded_lines_{1, 5s};
  uint32_t turn_ = 0;
};

}  // namespace hapair::lbcore::relay
