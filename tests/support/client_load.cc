#include "tests/support/client_load.h"

#include "tests/support/wait.h"

namespace hapair::test {

namespace {

lab::Clients::Options clients_of(const ClientLoad::Options& options) {
  const auto target = Endpoint::parse(options.target);
  if (!target) throw std::invalid_argument(target.error().message);
  return {.target = *target,
          .sessions = options.sessions,
          .session_every = options.session_every,
          .session_deadline = options.session_deadline,
          .probe_every = options.probe_every,
          .probe_deadline = options.probe_deadline};
}

}  // namespace

ClientLoad::ClientLoad(const Namespace& from, const Options& options)
    : loop_(
          from,
          [this, clients = clients_of(options)](EventLoop& loop) {
            clients_ = std::make_unique<lab::Clients>(loop, clients);
          },
          [this] { clients_.reset(); }) {}

void ClientLoad::mark() {
  loop_.ask([this] { clients_->log().mark(Clock::now()); });
}

lab::ClientLog::Report ClientLoad::report() {
  return loop_.ask([this] { return clients_->log().report(Clock::now()); });
}

void ClientLoad::add_sessions(size_t count) {
  loop_.ask([this, count] { clients_->add_sessions(count); });
}

::testing::AssertionResult ClientLoad::wait_all(Duration within) {
  const auto silent = [this] { return loop_.ask([this] { return clients_->log().silent(); }); };
  return eventually(
      within, [&] { return silent() == 0; },
      [&] { return fmt::format("{} sessions are not answered", silent()); });
}

::testing::AssertionResult ClientLoad::wait_served(Duration within) {
  const TimePoint since = Clock::now();
  return eventually(
      within, [&] { return loop_.ask([this] { return clients_->log().last_answer(); }) > since; },
      "a probe is answered");
}

}  // namespace hapair::test
