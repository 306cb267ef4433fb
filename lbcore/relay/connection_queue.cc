// Waiting for a server while all that could be asked are full. A place that becomes free on this
// worker goes to the one that has waited for longest, at the end of the same turn of the loop;
// places that other workers free, and servers that come up, are found by looking every 20 ms
// (Worker::serve_queue). Nobody who comes later overtakes, but for clients with a session, whom
// max_connections does not hold up anyway.
#include <algorithm>
#include <cerrno>

#include <sys/socket.h>

#include "lbcore/relay/connection.h"
#include "lbcore/relay/connection_aside.h"
#include "lbcore/relay/socket.h"
#include "lbcore/relay/worker.h"

namespace hapair::lbcore::relay {

namespace {

constexpr Duration kLookInterval = 1s;

/// It reset, or ended without having said anything. One that has sent a request and its end still
/// waits for the answer.
bool has_left(int fd, bool has_spoken) {
  char byte = 0;
  const ssize_t got = ::recv(fd, &byte, 1, MSG_PEEK);
  return (got == 0 && !has_spoken) || (got < 0 && errno != EAGAIN && errno != EINTR) ||
         has_failed(fd);
}

}  // namespace

bool Connection::must_wait(const Dispatcher::Choice& choice) const {
  const Pool& pool = *service_->pool;
  if (pool.spec.relay.queue_size == 0 || choice.from_session) return false;
  if (!choice.server) return choice.why == Why::full;
  return phase_ != Phase::queued && worker_.queue().waiting(pool.id) > 0;
}

void Connection::wait_in_queue() {
  if (phase_ == Phase::queued) return;  // it keeps its place
  const Pool& pool = *service_->pool;
  if (worker_.queue().waiting(pool.id) >= pool.spec.relay.queue_size) {
    return refuse(Refusal::queue_full, observe::EndedBy::limit, name(Refusal::queue_full));
  }
  phase_ = Phase::queued;
  aside().place = worker_.queue().join(pool.id, *this);
  aside().wait_until = worker_.loop().now() + pool.spec.relay.queue_timeout;
  service_->live->queued.fetch_add(1, std::memory_order_relaxed);
  service_->live->queue_waits.fetch_add(1, std::memory_order_relaxed);
  worker_.serve_queue_later();
  arm_for_waiting();
}

void Connection::arm_for_waiting() {
  worker_.arm(*this, std::min(aside_->wait_until, worker_.loop().now() + kLookInterval));
}

void Connection::look_while_queued() {
  if (has_left(client_.fd.get(), first_bytes_ > 0)) {
    trace_.ended(observe::EndedBy::client, during());
    return abort();
  }
  if (worker_.loop().now() >= aside_->wait_until) {
    return refuse(Refusal::queue_timeout, observe::EndedBy::limit, name(Refusal::queue_timeout));
  }
  arm_for_waiting();
}

bool Connection::take_turn() {
  if (has_left(client_.fd.get(), first_bytes_ > 0)) {
    trace_.ended(observe::EndedBy::client, during());
    abort();
    return true;
  }
  give_up_ = worker_.loop().now() + service_->pool->spec.connect_timeout;
  ask_next_server();
  return phase_ != Phase::queued;
}

void Connection::leave_queue() {
  if (!aside_ || !aside_->place) return;
  worker_.queue().leave(service_->pool->id, *aside_->place);
  aside_->place.reset();
  if (phase_ == Phase::queued) phase_ = Phase::connecting;
  service_->live->queued.fetch_sub(1, std::memory_order_relaxed);
  worker_.disarm(*this);
}

}  // namespace hapair::lbcore::relay
