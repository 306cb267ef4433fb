#include "tests/support/held_clients.h"

#include <algorithm>
#include <stdexcept>

#include "tests/support/wait.h"

namespace hapair::test {

using lab::LongConnection;

HeldClients::HeldClients(const Namespace& from, const Options& options)
    : loop_(std::make_unique<EventLoop>()) {
  const auto source = IpAddress::parse(options.source);
  const auto target = Endpoint::parse(options.target);
  if (!source) throw std::invalid_argument(source.error().message);
  if (!target) throw std::invalid_argument(target.error().message);
  thread_ = std::thread([this, &from, options, source = *source, target = *target] {
    from.enter();
    const uint64_t bytes = options.bytes_per_s * static_cast<uint64_t>(options.stream_time / 1s);
    for (size_t i = 0; i < options.streams + options.dialogues; ++i) {
      const bool stream = i < options.streams;
      held_.push_back({.connection = std::make_unique<LongConnection>(
                           *loop_, LongConnection::Plan{.source = source,
                                                        .target = target,
                                                        .bytes = stream ? bytes : 0,
                                                        .bytes_per_s = options.bytes_per_s,
                                                        .ask_every = options.ask_every}),
                       .stream = stream});
    }
    loop_->run();
    held_.clear();
  });
  on_loop([] {});  // `from` may go when this returns, and everybody is there
}

HeldClients::~HeldClients() {
  loop_->post([this] { loop_->stop(); });
  thread_.join();
}

void HeldClients::mark() {
  on_loop([this] {
    for (Held& each : held_) {
      each.connection->mark(Clock::now());
      each.bytes_at_mark = each.connection->bytes();
    }
  });
}

void HeldClients::ask_now() {
  on_loop([this] {
    for (Held& each : held_) each.connection->ask_now();
  });
}

size_t HeldClients::unserved() {
  return on_loop([this] {
    return static_cast<size_t>(std::ranges::count_if(held_, [](const Held& each) {
      return each.connection->state() == LongConnection::State::running &&
             each.connection->bytes() == each.bytes_at_mark;
    }));
  });
}

size_t HeldClients::living() {
  return on_loop([this] {
    return static_cast<size_t>(std::ranges::count_if(held_, [](const Held& each) {
      return each.connection->state() == LongConnection::State::running;
    }));
  });
}

::testing::AssertionResult HeldClients::wait_all_served(Duration within) {
  return eventually(
      within, [&] { return unserved() == 0; },
      [&] { return std::to_string(unserved()) + " held connections get nothing"; });
}

::testing::AssertionResult HeldClients::wait_all_ended(Duration within) {
  return eventually(
      within, [&] { return living() == 0; },
      [&] { return std::to_string(living()) + " held connections know of nothing"; });
}

HeldClients::Report HeldClients::report() {
  return on_loop([this] {
    Report out;
    const TimePoint now = Clock::now();
    for (const Held& each : held_) {
      const LongConnection& connection = *each.connection;
      const LongConnection::State state = connection.state();
      ++out.states[std::string(LongConnection::name(state))];
      const bool well =
          state == LongConnection::State::running || state == LongConnection::State::complete;
      ++(well ? out.live : out.lost);
      if (!well) out.ended.push_back(connection.ended_at());
      if (!each.stream) out.answers += connection.answers();
      (each.stream ? out.stream_waits : out.dialogue_waits).push_back(connection.longest_wait(now));
    }
    std::ranges::sort(out.stream_waits);
    std::ranges::sort(out.dialogue_waits);
    std::ranges::sort(out.ended);
    return out;
  });
}

}  // namespace hapair::test
