// One worker's share of a service's listening socket: accepts in bounded batches, so that a flood
// of new clients cannot starve those that are served, and hands each over as a Connection.
#pragma once

#include <memory>

#include "common/unique_fd.h"
#include "lbcore/model/topology.h"
#include "lbcore/relay/socket_loop.h"

namespace hapair::lbcore::relay {

class Worker;

class Listener {
 public:
  Listener(Worker& worker, UniqueFd fd, std::shared_ptr<const Service> service);

  /// A reload may give the address to another service or pool; new clients go there.
  void set_service(std::shared_ptr<const Service> service) { service_ = std::move(service); }

  [[nodiscard]] const std::shared_ptr<const Service>& service() const { return service_; }

  [[nodiscard]] int fd() const { return fd_.get(); }

  void pause() { watcher_.stop(); }
  void resume() { watcher_.start(fd_.get(), SocketLoop::Watch::kRead); }

  /// Accepts what waits in the queue: the kernel would reset it when the socket closes. Call before
  /// the destructor.
  void drain();

 private:
  void on_acceptable(uint32_t events);
  /// False when the queue is empty or nothing can be accepted now.
  bool accept_one();

  Worker& worker_;
  std::shared_ptr<const Service> service_;
  UniqueFd fd_;
  SocketLoop::Watch watcher_;
};

}  // namespace hapair::lbcore::relay
