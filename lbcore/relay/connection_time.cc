// How long a connection may be silent while it relays. Bytes only note the time of the loop's turn;
// the deadline in the wheel is looked at when it comes, and moved on then. So a byte costs a store,
// and neither a timer nor a system call.
//
// Deadlines beyond a turn of the wheel are rounded up (TimerWheel::coarse), so that thousands of
// idle connections wake the loop eight times per turn and not a hundred times per second.
#include <algorithm>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "lbcore/relay/connection.h"
#include "lbcore/relay/worker.h"

namespace hapair::lbcore::relay {

namespace {

constexpr Duration kLookInterval = 2s;

bool is_dead(int fd) {
  tcp_info info{};
  socklen_t size = sizeof info;
  return ::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && info.tcpi_state == TCP_CLOSE;
}

}  // namespace

TimePoint Connection::silent_until() const {
  Duration most = service_->idle_timeout;
  const Duration half = service_->half_closed_timeout;
  if (half_closed() && half > Duration::zero()) most = std::min(most, half);
  return last_active_ + most;
}

bool Connection::half_closed() const {
  return up_.state() == RelayPipe::State::finished || down_.state() == RelayPipe::State::finished;
}

void Connection::arm_for_silence() {
  const TimePoint now = worker_.loop().now();
  TimePoint at = TimerWheel::coarse(now, silent_until());
  // libev does not tell of the death of a socket that it does not watch.
  looks_ = client_.watched == 0 || server_.watched == 0;
  if (looks_) at = std::min(at, now + kLookInterval);
  worker_.arm(*this, at);
}

void Connection::look_while_relaying() {
  if (client_.watched == 0 && is_dead(client_.fd.get())) return end_by_reset(client_, server_);
  if (server_.watched == 0 && is_dead(server_.fd.get())) return end_by_reset(server_, client_);
  if (worker_.loop().now() >= silent_until()) {
    auto& counter =
        half_closed() ? service_->live->half_closed_timeouts : service_->live->idle_timeouts;
    counter.fetch_add(1, std::memory_order_relaxed);
    // Of two silent sides, the one that has ended already owes nothing; else clients speak first.
    const bool server = up_.state() == RelayPipe::State::finished;
    trace_.ended(server ? observe::EndedBy::server_silence : observe::EndedBy::client_silence,
                 during());
    return abort();
  }
  arm_for_silence();
}

}  // namespace hapair::lbcore::relay
