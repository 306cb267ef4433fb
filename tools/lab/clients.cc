#include "tools/lab/clients.h"

#include <algorithm>

namespace hapair::lab {

namespace {

constexpr uint64_t kProbers = 250;

IpAddress behind(const IpAddress& first, uint64_t number) {
  return IpAddress::v4(first.v4_host_order() + static_cast<uint32_t>(number));
}

/// The next turn of something that happens `every`: after a stall it goes on from now, it does not
/// catch up.
TimePoint next_turn(TimePoint due, Duration every) {
  return std::max(due + every, Clock::now());
}

}  // namespace

Clients::Clients(EventLoop& loop, const Options& options)
    : loop_(loop),
      options_(options),
      session_tick_(loop, [this] { next_session(); }),
      probe_tick_(loop, [this] { next_probe(); }) {
  add_sessions(options_.sessions);
  session_tick_.arm(Clock::now());
  probe_tick_.arm(Clock::now());
}

void Clients::add_sessions(size_t count) {
  for (size_t i = 0; i < count; ++i) log_.add_session();
  sessions_.resize(sessions_.size() + count);
}

void Clients::begin_lasting(uint64_t bytes, uint64_t bytes_per_s) {
  const LongConnection::Plan asks = {.source = options_.lasting, .target = options_.target};
  LongConnection::Plan loads = asks;
  loads.bytes = bytes;
  loads.bytes_per_s = bytes_per_s;
  download_ = std::make_unique<LongConnection>(loop_, loads);
  dialogue_ = std::make_unique<LongConnection>(loop_, asks);
}

void Clients::mark(TimePoint now) {
  log_.mark(now);
  if (download_) download_->mark(now);
  if (dialogue_) dialogue_->mark(now);
}

void Clients::next_session() {
  const size_t number = turn_++ % sessions_.size();
  if (!sessions_[number]) {
    sessions_[number] = std::make_unique<HttpRequest>(
        loop_, behind(options_.first_client, number), options_.target, options_.session_deadline,
        [this, number](const HttpRequest::Answer& answer) {
          log_.session_answered(number, answer, Clock::now());
          sessions_[number].reset();
        });
  }
  const Duration pace = options_.session_every / static_cast<int64_t>(sessions_.size());
  session_tick_.arm(next_turn(session_tick_.at(), pace));
}

void Clients::next_probe() {
  const uint64_t number = next_probe_number_++;
  probes_.emplace(
      number, std::make_unique<HttpRequest>(loop_, behind(options_.first_prober, number % kProbers),
                                            options_.target, options_.probe_deadline,
                                            [this, number](const HttpRequest::Answer& answer) {
                                              log_.probed(answer, Clock::now());
                                              probes_.erase(number);
                                            }));
  probe_tick_.arm(next_turn(probe_tick_.at(), options_.probe_every));
}

}  // namespace hapair::lab
