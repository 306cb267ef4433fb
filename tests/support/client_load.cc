#include "tests/support/client_load.h"

#include "tests/support/wait.h"

namespace hapair::test {

ClientLoad::ClientLoad(const Namespace& from, const Options& options)
    : loop_(std::make_unique<EventLoop>()) {
  const auto target = Endpoint::parse(options.target);
  if (!target) throw std::invalid_argument(target.error().message);
  const lab::Clients::Options clients{.target = *target,
                                      .sessions = options.sessions,
                                      .session_every = options.session_every,
                                      .session_deadline = options.session_deadline,
                                      .probe_every = options.probe_every,
                                      .probe_deadline = options.probe_deadline};
  thread_ = std::thread([this, &from, clients] {
    from.enter();
    clients_ = std::make_unique<lab::Clients>(*loop_, clients);
    loop_->run();
    clients_.reset();
  });
  on_loop([] {});  // `from` may go when this returns, and clients_ is there
}

ClientLoad::~ClientLoad() {
  loop_->post([this] { loop_->stop(); });
  thread_.join();
}

void ClientLoad::mark() {
  on_loop([this] { clients_->log().mark(Clock::now()); });
}

lab::ClientLog::Report ClientLoad::report() {
  return on_loop([this] { return clients_->log().report(Clock::now()); });
}

void ClientLoad::add_sessions(size_t count) {
  on_loop([this, count] { clients_->add_sessions(count); });
}

::testing::AssertionResult ClientLoad::wait_all(Duration within) {
  const auto silent = [this] { return on_loop([this] { return clients_->log().silent(); }); };
  return eventually(
      within, [&] { return silent() == 0; },
      [&] { return fmt::format("{} sessions are not answered", silent()); });
}

::testing::AssertionResult ClientLoad::wait_served(Duration within) {
  const TimePoint since = Clock::now();
  return eventually(
      within, [&] { return on_loop([this] { return clients_->log().last_answer(); }) > since; },
      "a probe is answered");
}

}  // namespace hapair::test
