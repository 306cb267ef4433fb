// One flow: the datagrams between one client and the server that was chosen for it, through a
// socket of its own that is connected to that server, so that answers need no search and the
// server's refusals (ICMP) arrive here.
//
// A flow stays with its server while that is up and in the pool. A server that refuses counts as
// failed; the datagram, or the client's next one when the refusal came late, goes to another server
// of the scheduler's choice. When all have refused, each gets another chance with the next
// datagram.
//
// What an operator sees of a connection is seen of a flow: it keeps its client's session, it counts
// for and against its server (silence only where the service ever had an answer), and it leaves a
// line in the access log.
#pragma once

#include <cstdint>
#include <memory>

#include "common/clock.h"
#include "common/unique_fd.h"
#include "lbcore/limit/source_table.h"
#include "lbcore/model/topology.h"
#include "lbcore/observe/trace.h"
#include "lbcore/relay/connection_info.h"
#include "lbcore/relay/dispatcher.h"
#include "lbcore/relay/socket_loop.h"
#include "lbcore/relay/udp_batch.h"
#include "lbcore/relay/udp_flow_table.h"

namespace hapair::lbcore::relay {

class UdpListener;

class UdpFlow final : public FlowNode {
 public:
  UdpFlow(UdpListener& listener, const FlowKey& key);
  ~UdpFlow();

  /// Sends datagrams of the client on, to a server that is found for them when there is none.
  /// False: none takes them.
  bool forward(RequestBatch& batch, size_t first, size_t count);
  /// To this server from now on; 0, else the errno of what went wrong: EBUSY when it has `limit`
  /// connections already (0: no limit).
  int use(std::shared_ptr<LiveServer> server, uint32_t limit);
  /// Its client has a session in this pool, which does not expire while the server is kept.
  void keep_session(PoolId pool, const IpAddress& client, bool chosen_by_it);
  /// It is one of its client's connections there.
  void count_source(std::shared_ptr<limit::SourceTable> sources) { sources_ = std::move(sources); }
  /// The end, and its traces. `by` both: it was idle for its time.
  void over(observe::EndedBy by);
  /// Whether such an error of use() counts as a failure of the server.
  static bool blames_server(int error);
  [[nodiscard]] bool has_server() const { return fd_.valid(); }
  [[nodiscard]] bool one_shot() const { return key().server != FlowKey::kAnyServer; }

  /// The last word was the client's.
  [[nodiscard]] bool awaits_answer() const { return awaits_answer_; }
  [[nodiscard]] int last_error() const { return last_error_; }
  [[nodiscard]] ConnectionInfo info() const;

  // The worker's list of flows.
  UdpFlow* next = nullptr;
  UdpFlow* previous = nullptr;

 private:
  void on_readable(uint32_t events);
  /// Whether the server that it has may go on serving.
  bool keeps_server();
  bool find_server();
  void server_failed(int error);
  /// Leaves the server; nothing arrives any more.
  void close();
  void answered(uint64_t bytes, uint64_t datagrams);
  [[nodiscard]] observe::Termination end_of(observe::EndedBy by) const;
  [[nodiscard]] Endpoint client() const;
  void adapt_burst(bool emptied);

  UdpListener& listener_;
  std::shared_ptr<LiveServer> server_;  // the last one that was found
  UniqueFd fd_;                         // invalid: the next datagram finds a server
  SocketLoop::Watch watcher_;
  Tried tried_;
  observe::Trace trace_;
  std::shared_ptr<limit::SourceTable> sources_;  // null: it does not count there
  PoolId session_pool_ = 0;                      // while it keeps a session
  int last_error_ = 0;
  uint32_t generation_ = 0;  // of the listener's service that server_ was found in
  uint32_t read_in_turn_ = 0;
  uint8_t burst_ = 1;  // datagrams that one turn may read
  uint8_t asked_ = 0;  // how many servers were
  bool awaits_answer_ = false;
  bool answered_ = false;  // a server has
  bool heard_ = false;     // this server has
  bool was_up_ = false;    // the server, as last seen
  bool from_session_ = false;
  bool keeps_session_ = false;
};

}  // namespace hapair::lbcore::relay
