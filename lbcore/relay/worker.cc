#include "lbcore/relay/worker.h"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <utility>

#include <pthread.h>

#include "lbcore/relay/admission.h"
#include "lbcore/relay/socket.h"

namespace hapair::lbcore::relay {

namespace {

constexpr Duration kAcceptPause = 100ms;
constexpr Duration kQueueLook = 20ms;

std::string suppressed(RateLimit& limit) {
  const uint64_t count = limit.take_suppressed();
  return count > 0 ? fmt::format(" ({} more like this)", count) : std::string();
}

/// Signals belong to the main thread.
std::thread start_thread(size_t number, SocketLoop& loop) {
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread([&loop] { loop.run(); });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::pthread_setname_np(thread.native_handle(), fmt::format("worker-{}", number).c_str());
  return thread;
}

}  // namespace

Worker::Worker(Logger& log, sticky::SessionStore& sessions, ConnectionBudget& budget, size_t number,
               observe::AccessLog* access_log, LongLived::Tell tell)
    : log_(log),
      budget_(budget),
      number_(number),
      access_log_(access_log),
      access_ring_(access_log != nullptr ? &access_log->ring(number) : nullptr),
      wheel_(loop_.now()),
      dispatcher_(sessions, number),
      scratch_(std::make_unique_for_overwrite<char[]>(kScratchBytes)),
      kernel_pipes_(budget.kernel_pipes()),
      long_lived_(*this, std::move(tell)),
      udp_(*this, log, budget),
      accept_pause_(*this),
      queue_look_(*this),
      quiet_look_(*this) {
  loop_.set_timer([this] { on_timer(); });
  loop_.set_turn_end([this] { end_turn(); });
  thread_ = start_thread(number, loop_);
}

Worker::~Worker() {
  loop_.post([this] { loop_.stop(); });
  thread_.join();
  listeners_.clear();
  while (open_ != nullptr) open_->abort();
  udp_.end_all();
  wheel_.disarm(accept_pause_);
  wheel_.disarm(queue_look_);
  wheel_.disarm(quiet_look_);
  wheel_.disarm(long_lived_);
}

// ---- Main thread

void Worker::publish(std::shared_ptr<const Topology> topology, Sockets opened) {
  // A std::function must be copyable, a descriptor is not.
  auto sockets = std::make_shared<Sockets>(std::move(opened));
  loop_.post(
      [this, topology = std::move(topology), sockets] { take(topology, std::move(*sockets)); });
}

void Worker::stop_accepting() {
  loop_.post([this] {
    for (auto& [key, listener] : listeners_) listener->drain();
    listeners_.clear();
    udp_.stop();
  });
}

void Worker::leave_listeners() {
  // Drained all the same: the other process may not want all of them.
  loop_.post([this] {
    for (auto& [key, listener] : listeners_) listener->drain();
    listeners_.clear();
    udp_.leave();
  });
}

void Worker::share_sockets(std::function<void(Result<Sockets> shared)> done) {
  loop_.post([this, done = std::move(done)] { done(duplicate_sockets()); });
}

void Worker::reset_connections() {
  loop_.post([this] {
    while (open_ != nullptr) open_->abort();
    udp_.end_all();
  });
}

void Worker::list_connections(bool from_start, size_t most, OnConnections done) {
  loop_.post([this, from_start, most, done = std::move(done)] {
    if (from_start) {
      walk_ = open_;
      udp_.list_from_start();
    }
    std::vector<ConnectionInfo> some;
    for (; walk_ != nullptr && some.size() < most; walk_ = walk_->next) {
      some.push_back(walk_->info());
    }
    const bool more_flows = udp_.list(some, most);
    done(std::move(some), walk_ != nullptr || more_flows);
  });
}

void Worker::ask() {
  loop_.post([this, number = ++asked_] { answered_.store(number, std::memory_order_relaxed); });
}

// ---- This thread

Result<Worker::Sockets> Worker::duplicate_sockets() const {
  Sockets out;
  for (const auto& [key, listener] : listeners_) {
    UniqueFd fd = duplicate(listener->fd());
    if (!fd) return fail_system("duplicate a listening socket");
    out[key].push_back(std::move(fd));
  }
  if (auto shared = udp_.share_sockets(out); !shared) return tl::unexpected(shared.error());
  return out;
}

void Worker::take(const std::shared_ptr<const Topology>& topology, Sockets opened) {
  udp_.take(*topology, opened);
  std::multimap<ListenKey, std::unique_ptr<Listener>> kept;
  for (const auto& service : topology->services) {
    const ListenKey key{service->spec.protocol, service->spec.listen};
    if (const auto is_new = opened.find(key); is_new != opened.end()) {
      for (UniqueFd& fd : is_new->second) {
        auto listener = std::make_unique<Listener>(*this, std::move(fd), service);
        be_quiet(*listener);
        if (!accepting_paused_) listener->resume();
        kept.emplace(key, std::move(listener));
      }
      continue;
    }
    const auto [first, last] = listeners_.equal_range(key);
    for (auto has = first; has != last; ++has) {
      has->second->set_service(service);
      kept.emplace(key, std::move(has->second));
    }
    listeners_.erase(first, last);
  }
  // Before the pools change: who waits at an address that goes away was promised the old ones.
  for (auto& [key, listener] : listeners_) listener->drain();
  listeners_ = std::move(kept);
  dispatcher_.update(*topology);
}

void Worker::arm(WheelNode& node, TimePoint at) {
  wheel_.arm(node, at);
  if (at < timer_at_) set_timer();
}

void Worker::set_timer() {
  const auto due = wheel_.next_due();
  timer_at_ = due.value_or(TimePoint::max());
  if (due) loop_.wake_at(*due);
}

void Worker::on_timer() {
  wheel_.advance(loop_.now());
  set_timer();
}

bool Worker::may_accept() {
  if (accepting_paused_) return false;
  if (budget_.take()) return true;
  if (exhausted_lines_.allow(loop_.now())) {
    log_.environment("relay",
                     "worker {}: {} connections are open, the most that the limit of descriptors "
                     "allows: new clients wait{}",
                     number_, budget_.most(), suppressed(exhausted_lines_));
  }
  pause_accepting();
  return false;
}

void Worker::accepted(UniqueFd client, const Endpoint& address,
                      std::shared_ptr<const Service> service) {
  if (const auto refusal = admit(*service, loop_.now())) {
    refused(*service, address.ip, *refusal, name(*refusal));
    log_turned_away(service, address, observe::EndedBy::limit, observe::During::admission);
    close_with_reset(std::move(client));
    budget_.give_back();
    return;
  }
  auto* connection = new Connection(*this, std::move(client), address, std::move(service));
  add(*connection);
  connection->start();
}

void Worker::add(Connection& connection) {
  connection.next = open_;
  if (open_ != nullptr) open_->previous = &connection;
  open_ = &connection;
  long_lived_.accepted(connection);
}

void Worker::out_of_descriptors(int error) {
  if (exhausted_lines_.allow(loop_.now())) {
    log_.environment("relay", "worker {}: accepting pauses: {}{}", number_, std::strerror(error),
                     suppressed(exhausted_lines_));
  }
  pause_accepting();
}

void Worker::pause_accepting() {
  if (accepting_paused_) return;
  accepting_paused_ = true;
  for (auto& [key, listener] : listeners_) listener->pause();
  arm(accept_pause_, loop_.now() + kAcceptPause);
}

void Worker::resume_accepting() {
  accepting_paused_ = false;
  for (auto& [key, listener] : listeners_) listener->resume();
}

void Worker::retire(Connection& connection) {
  long_lived_.leaves(connection);
  if (connection.previous != nullptr) connection.previous->next = connection.next;
  if (connection.next != nullptr) connection.next->previous = connection.previous;
  if (open_ == &connection) open_ = connection.next;
  if (walk_ == &connection) walk_ = connection.next;
  retired_.emplace_back(&connection);
  budget_.give_back();
}

void Worker::end_turn() {
  retired_.clear();
  udp_.end_turn();
}

void Worker::log_access(observe::AccessRecord record) {
  if (access_ring_->push(std::move(record))) access_log_->hurry();
}

void Worker::log_turned_away(const std::shared_ptr<const Service>& service, const Endpoint& client,
                             observe::EndedBy by, observe::During during) {
  if (!logs_access()) return;
  const TimePoint now = loop_.now();
  observe::Trace trace(now);
  trace.ended(by, during);
  log_access(
      {.trace = trace, .ended = now, .client = client, .service = service, .server = nullptr});
}

void Worker::serve_queue_soon() {
  if (std::exchange(serves_queue_soon_, true)) return;
  loop_.defer([this] {
    serves_queue_soon_ = false;
    serve_queue();
  });
}

void Worker::serve_queue_later() {
  if (!queue_look_.armed()) arm(queue_look_, loop_.now() + kQueueLook);
}

void Worker::serve_queue() {
  for (const PoolId* next = queue_.next(0); next != nullptr;) {
    const PoolId pool = *next;
    for (Connection* first = queue_.first(pool); first != nullptr && first->take_turn();) {
      first = queue_.first(pool);
    }
    next = queue_.next(pool + 1);
  }
  if (!queue_.empty()) serve_queue_later();
}

void Worker::refused(const Service& service, const IpAddress& client, Refusal reason,
                     std::string_view what) {
  service.live->refused[static_cast<size_t>(reason)].fetch_add(1, std::memory_order_relaxed);
  if (!refused_lines_.allow(loop_.now())) return;
  log_.remote("relay", "service {}: refused {}: {}{}", service.spec.name, client.to_string(), what,
              suppressed(refused_lines_));
}

void Worker::report_let_down(const Service& service, const IpAddress& client,
                             const LiveServer* last, int error) {
  if (!let_down_lines_.allow(loop_.now())) return;
  const std::string why =
      last == nullptr
          ? std::string(error == 0 ? "no server is up" : std::strerror(error))
          : fmt::format("last asked {}: {}", last->address.to_string(), std::strerror(error));
  log_.remote("relay", "service {}: found no server for {}: {}{}", service.spec.name,
              client.to_string(), why, suppressed(let_down_lines_));
}

}  // namespace hapair::lbcore::relay
