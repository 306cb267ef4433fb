// How long a connection may be silent while it relays. Bytes only note the time of the loop's turn;
// the deadline in the wheel is looked at when it comes, and moved on then. So a byte costs a store,
// and neither a timer nor a system call.
//
// Deadlines beyond a turn of the wheel are rounded up (TimerWheel::coarse), so that thousands of
// idle connections wake the loop eight times per turn and not a hundred times per second.
#include <algorithm>
#include <utility>

#include "lbcore/relay/connection.h"
#include "lbcore/relay/socket.h"
#include "lbcore/relay/worker.h"

namespace hapair::lbcore::relay {

namespace {

constexpr Duration kLookInterval = 2s;
constexpr Duration kSettled = 15s;  // more than a turn of the wheel

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

bool Connection::blocked() const {
  return up_.state() == RelayPipe::State::blocked || down_.state() == RelayPipe::State::blocked;
}

void Connection::arm_for_silence() {
  const TimePoint now = worker_.loop().now();
  TimePoint at = silent_until();
  if (!keeps_alive_) at = std::min(at, now + kSettled);
  at = TimerWheel::coarse(now, at);
  // Behind bytes that cannot be passed on, the death of their source is not met by reading.
  looks_ = blocked();
  if (looks_) at = std::min(at, now + kLookInterval);
  worker_.arm(*this, at);
}

void Connection::look_while_relaying() {
  if (blocked() && has_failed(client_.fd.get())) return end_by_reset(client_, server_);
  if (blocked() && has_failed(server_.fd.get())) return end_by_reset(server_, client_);
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
  // A system call that connections of a few seconds do not need.
  if (!std::exchange(keeps_alive_, true)) keep_alive(server_.fd.get());
  arm_for_silence();
}

}  // namespace hapair::lbcore::relay
