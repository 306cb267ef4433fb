#include "lbcore/relay/listener.h"

#include <sys/socket.h>

#include "lbcore/relay/socket.h"
#include "lbcore/relay/system_calls.h"
#include "lbcore/relay/worker.h"

namespace hapair::lbcore::relay {

namespace {

constexpr int kBatch = 32;
constexpr int kDrainMost = 65535;  // no queue is longer

}  // namespace

Listener::Listener(Worker& worker, UniqueFd fd, std::shared_ptr<const Service> service)
    : worker_(worker), service_(std::move(service)), fd_(std::move(fd)), watcher_(worker.loop()) {
  watcher_.set<&Listener::on_acceptable>(this);
}

void Listener::on_acceptable(uint32_t) {
  for (int i = 0; i < kBatch && accept_one(); ++i) {
  }
}

void Listener::drain() {
  for (int i = 0; i < kDrainMost && accept_one(); ++i) {
  }
}

bool Listener::accept_one() {
  if (!worker_.may_accept()) return false;
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  UniqueFd fd(kernel::accept4(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size,
                              SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!fd) {
    const int error = errno;
    worker_.accepted_nothing();
    if (exhausted(error)) worker_.out_of_descriptors(error);
    // What else can go wrong (ECONNABORTED, EPROTO, ...) concerns one client that is gone already.
    return error != EAGAIN && !exhausted(error);
  }
  worker_.accepted(std::move(fd), Endpoint::from_sockaddr(address), service_);
  return true;
}

}  // namespace hapair::lbcore::relay
