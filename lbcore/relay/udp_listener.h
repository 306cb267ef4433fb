// One worker's share of a UDP service: the socket at the VIP, through which requests come and
// answers leave, and the flows behind it. The kernel gives all datagrams of one client's port to
// the same worker for as long as the service has the same sockets, which no reload changes.
//
// One-shot (IPVS's "ops"): every datagram is scheduled anew. Its answers need a socket that knows
// the client, so there is a flow for each (client, server) that was met; it is short-lived.
//
// A service that was removed is served on until nothing waits for an answer, for a second at most.
#pragma once

#include <cstdint>
#include <memory>

#include "common/address.h"
#include "common/unique_fd.h"
#include "lbcore/model/topology.h"
#include "lbcore/relay/socket_loop.h"
#include "lbcore/relay/timer_wheel.h"
#include "lbcore/relay/udp_flow.h"
#include "lbcore/relay/udp_flow_table.h"

namespace hapair::lbcore::relay {

class UdpRelay;
class Worker;

class UdpListener final : public WheelNode {
 public:
  UdpListener(UdpRelay& relay, UniqueFd fd, std::shared_ptr<const Service> service);
  ~UdpListener() override;  // ends its flows

  void start() { watcher_.start(fd_.get(), SocketLoop::Watch::kRead); }
  /// Another process reads the socket from now on; answers still leave through it.
  void stop_reading();
  /// A reload may have changed anything about it; flows whose server is still there stay.
  void set_service(std::shared_ptr<const Service> service);
  /// Forwards what waits in the socket; over() as soon as every flow has its answer, or after a
  /// second.
  void close_gently();
  [[nodiscard]] bool over() const { return over_; }
  void on_due() override;

  /// False: there is none, or it is `spared`.
  bool end_oldest(const UdpFlow* spared, observe::EndedBy by);
  [[nodiscard]] size_t flows() const { return table_.size(); }

  // ---- For its flows

  [[nodiscard]] UdpRelay& relay() const { return relay_; }
  [[nodiscard]] Worker& worker() const;
  [[nodiscard]] const std::shared_ptr<const Service>& service() const { return service_; }
  [[nodiscard]] Counters& counters() const { return service_->live->counters; }
  /// Changes with the service.
  [[nodiscard]] uint32_t generation() const { return generation_; }
  [[nodiscard]] bool offers(const LiveServer& server) const;
  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] bool is_v4() const { return service_->spec.listen.ip.is_v4(); }
  [[nodiscard]] IpAddress client_address(const FlowKey& key) const;
  [[nodiscard]] Endpoint client(const FlowKey& key) const;
  /// An answer went through, or the server failed.
  void answered(UdpFlow& flow);

 private:
  void on_readable(uint32_t events);
  /// One batch; false when nothing waits.
  bool take_batch();
  void forward(size_t first, size_t count);
  void forward_once(size_t index);
  UdpFlow* find(const FlowKey& key) const;
  /// Null: the client is turned away, and that is counted and said.
  UdpFlow* open(const FlowKey& key);
  /// Whether the limits of the service let a new flow in; `counted` is where it counts as its
  /// client's.
  bool let_in(const FlowKey& key, std::shared_ptr<limit::SourceTable>& counted);
  void end(UdpFlow& flow, observe::EndedBy by);
  void let_down(const FlowKey& key, int error);
  void drain();
  void end_answered();
  void set_timer();

  UdpRelay& relay_;
  std::shared_ptr<const Service> service_;
  UniqueFd fd_;
  SocketLoop::Watch watcher_;
  FlowTable table_;
  uint32_t generation_ = 1;
  TimePoint give_up_{};  // while closing
  bool closing_ = false;
  bool over_ = false;
  bool reads_ = true;
};

}  // namespace hapair::lbcore::relay
