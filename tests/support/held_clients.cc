#include "tests/support/held_clients.h"

#include <algorithm>

#include "tests/support/wait.h"

namespace hapair::test {

using lab::LongConnection;

HeldClients::HeldClients(const Namespace& from, const Options& options)
    : loop_(
          from,
          [this, options, source = IpAddress::parse(options.source).value(),
           target = Endpoint::parse(options.target).value()](EventLoop& loop) {
            LongConnection::Plan dialogue{
                .source = source, .target = target, .ask_every = options.ask_every};
            LongConnection::Plan stream = dialogue;
            stream.bytes = options.bytes_per_s * static_cast<uint64_t>(options.stream_time / 1s);
            stream.bytes_per_s = options.bytes_per_s;
            for (size_t i = 0; i < options.streams + options.dialogues; ++i) {
              const bool streams = i < options.streams;
              held_.push_back({.connection = std::make_unique<LongConnection>(
                                   loop, streams ? stream : dialogue),
                               .stream = streams});
            }
          },
          [this] { held_.clear(); }) {}

void HeldClients::mark() {
  loop_.ask([this] {
    for (Held& each : held_) {
      each.connection->mark(Clock::now());
      each.bytes_at_mark = each.connection->bytes();
    }
  });
}

void HeldClients::ask_now() {
  loop_.ask([this] {
    for (Held& each : held_) each.connection->ask_now();
  });
}

size_t HeldClients::unserved() {
  return loop_.ask([this] {
    return static_cast<size_t>(std::ranges::count_if(held_, [](const Held& each) {
      return each.connection->state() == LongConnection::State::running &&
             each.connection->bytes() == each.bytes_at_mark;
    }));
  });
}

size_t HeldClients::living() {
  return loop_.ask([this] {
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
  return loop_.ask([this] {
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
