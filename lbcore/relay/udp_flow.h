// One flow: the datagrams between one client and the server that was chosen for it, through a
// socket of its own that is connected to that server, so that answers need no search and the
// server's refusals (ICMP) arrive here.
//
// A flow stays with its server while that is up and in the pool. A server that refuses counts as
// failed; the datagram, or the client's next one when the refusal came late, goes to another server
// of the scheduler's choice. When all have refused, each gets another chance with the next
// datagram.
#pragma once

#include <cstdint>
#include <memory>

#include <ev++.h>

#include "common/clock.h"
#include "common/unique_fd.h"
#include "lbcore/model/topology.h"
#include "lbcore/relay/dispatcher.h"
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
  /// Leaves the server; nothing arrives any more.
  void close();
  /// Whether such an error of use() counts as a failure of the server.
  static bool blames_server(int error);
  [[nodiscard]] bool has_server() const { return server_ != nullptr; }
  [[nodiscard]] bool one_shot() const { return key().server != FlowKey::kAnyServer; }

  /// The last word was the client's.
  [[nodiscard]] bool awaits_answer() const { return awaits_answer_; }
  [[nodiscard]] int last_error() const { return last_error_; }

 private:
  void on_readable(ev::io& watcher, int events);
  /// Whether the server that it has may go on serving.
  bool keeps_server();
  bool find_server();
  void server_failed(int error);
  void adapt_burst(bool emptied);

  UdpListener& listener_;
  std::shared_ptr<LiveServer> server_;  // null: the next datagram finds one
  UniqueFd fd_;
  ev::io watcher_;
  Tried tried_;
  int last_error_ = 0;
  uint32_t generation_ = 0;  // of the listener's service that server_ was found in
  uint32_t read_in_turn_ = 0;
  uint8_t burst_ = 1;  // datagrams that one turn may read
  bool awaits_answer_ = false;
  bool was_up_ = false;  // the server, as last seen
};

}  // namespace hapair::lbcore::relay
