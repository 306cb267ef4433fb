#include "lbcore/relay/udp_flow.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <sys/socket.h>

#include "lbcore/observe/access_record.h"
#include "lbcore/relay/socket.h"
#include "lbcore/relay/system_calls.h"
#include "lbcore/relay/udp_listener.h"
#include "lbcore/relay/udp_relay.h"
#include "lbcore/relay/worker.h"

namespace hapair::lbcore::relay {

namespace {

constexpr int kMostBurst = 16;

template <typename T>
void add(std::atomic<T>& counter, T amount) {
  counter.fetch_add(amount, std::memory_order_relaxed);
}

/// Where nobody ever answers, as loggers do not, silence says nothing.
bool answers_at_all(const Counters& service) {
  return service.packets_out.load(std::memory_order_relaxed) > 0;
}

/// What is said of a datagram (one that was too long for the path may be told of late) or of this
/// machine, not of the server.
bool concerns_datagram(int error) {
  return error == EAGAIN || error == ENOBUFS || error == ENOMEM || error == EMSGSIZE ||
         error == EINTR;
}

}  // namespace

UdpFlow::UdpFlow(UdpListener& listener, const FlowKey& key)
    : FlowNode(key),
      listener_(listener),
      watcher_(listener.worker().loop()),
      trace_(listener.worker().loop().now()) {
  watcher_.set<&UdpFlow::on_readable>(this);
}

UdpFlow::~UdpFlow() {
  close();
}

// ---- From the client

bool UdpFlow::forward(RequestBatch& batch, size_t first, size_t count) {
  awaits_answer_ = true;
  Counters& service = listener_.counters();
  while (count > 0) {
    if (!keeps_server() && !find_server()) return false;
    const int result = batch.send(fd_.get(), first, count);
    if (result < 0 && !concerns_datagram(errno)) {
      server_failed(errno);
      continue;
    }
    size_t done = 1;  // one that cannot be sent is lost
    if (result > 0) {
      done = static_cast<size_t>(result);
      uint64_t bytes = 0;
      for (size_t i = 0; i < done; ++i) bytes += batch.bytes(first + i);
      trace_.from_client(bytes, listener_.worker().loop().now());
      add(service.bytes_in, bytes);
      add(service.packets_in, uint64_t{done});
      add(server_->counters.bytes_in, bytes);
      add(server_->counters.packets_in, uint64_t{done});
    }
    first += done;
    count -= done;
  }
  return true;
}

bool UdpFlow::keeps_server() {
  if (!has_server()) return false;
  if (one_shot()) return true;  // it was chosen a moment ago
  if (generation_ != listener_.generation()) {
    generation_ = listener_.generation();
    if (!listener_.offers(*server_)) close();
    tried_ = Tried{};
    if (!has_server()) return false;
  }
  // A server that was chosen although it is down (there was no better) keeps its flows.
  const bool up = server_->up.load(std::memory_order_relaxed);
  if (!up && was_up_) {
    close();
    return false;
  }
  was_up_ = up;
  return true;
}

bool UdpFlow::find_server() {
  // One-shot flows belong to a server: the listener finds another one.
  if (one_shot()) return false;
  Worker& worker = listener_.worker();
  const PoolId pool = listener_.service()->pool->id;
  const IpAddress client = listener_.client_address(key());
  const TimePoint now = worker.loop().now();
  while (tried_.may_ask(listener_.service()->pool->spec.relay.retries)) {
    auto choice = worker.dispatcher().choose(pool, client, tried_, now);
    if (!choice.server) break;
    tried_.add(choice.server->id);
    const int error = use(choice.server, choice.limit);
    if (error == 0) {
      add<uint64_t>(server_->counters.connections, 1);
      if (!choice.from_session) worker.dispatcher().record(pool, client, *server_, now);
      keep_session(pool, client, choice.from_session);
      return true;
    }
    last_error_ = error;
    if (exhausted(error)) return false;
    if (blames_server(error)) {
      add<uint64_t>(choice.server->counters.failed, 1);
      choice.server->count_failure(error);
    }
  }
  tried_ = Tried{};
  return false;
}

int UdpFlow::use(std::shared_ptr<LiveServer> server, uint32_t limit) {
  auto fd = connect_datagrams(server->address);
  if (!fd && exhausted(fd.error()) && listener_.relay().make_room(this)) {
    fd = connect_datagrams(server->address);
  }
  if (!fd) return fd.error();
  std::atomic<uint32_t>& active = server->counters.active;
  if (active.fetch_add(1, std::memory_order_relaxed) >= limit && limit != 0) {
    active.fetch_sub(1, std::memory_order_relaxed);
    return EBUSY;  // another worker was faster
  }
  fd_ = std::move(*fd);
  server_ = std::move(server);
  generation_ = listener_.generation();
  was_up_ = server_->up.load(std::memory_order_relaxed);
  heard_ = false;
  if (asked_ < UINT8_MAX) ++asked_;
  trace_.asked(listener_.worker().loop().now());
  watcher_.start(fd_.get(), SocketLoop::Watch::kRead);
  return 0;
}

void UdpFlow::keep_session(PoolId pool, const IpAddress& client, bool chosen_by_it) {
  from_session_ = chosen_by_it;
  if (keeps_session_) return;
  keeps_session_ = listener_.worker().dispatcher().hold(pool, client);
  session_pool_ = pool;
}

bool UdpFlow::blames_server(int error) {
  return error != EBUSY && !exhausted(error);
}

void UdpFlow::server_failed(int error) {
  last_error_ = error;
  add<uint64_t>(server_->counters.failed, 1);
  server_->count_failure(error);
  close();
}

void UdpFlow::close() {
  if (!has_server()) return;
  watcher_.forget();
  fd_.reset();
  server_->counters.active.fetch_sub(1, std::memory_order_relaxed);
  if (std::exchange(keeps_session_, false)) {
    Worker& worker = listener_.worker();
    worker.dispatcher().release(session_pool_, listener_.client_address(key()),
                                worker.loop().now());
  }
}

// ---- From the server

void UdpFlow::on_readable(uint32_t) {
  ReplyBatch& replies = listener_.relay().replies();
  uint64_t bytes = 0;
  uint8_t read = 0;
  bool emptied = false;
  while (read < burst_) {
    const std::span<char> room = replies.room();
    const ssize_t got = kernel::recv(fd_.get(), room.data(), room.size(), MSG_DONTWAIT);
    if (got < 0) {
      emptied = concerns_datagram(errno);
      if (!emptied) server_failed(errno);
      break;
    }
    replies.push(listener_.fd(), listener_.is_v4(), key(), static_cast<size_t>(got));
    bytes += static_cast<uint64_t>(got);
    ++read;
  }
  if (read > 0) answered(bytes, read);
  if (has_server()) adapt_burst(emptied);
  listener_.answered(*this);  // may end the flow
}

void UdpFlow::answered(uint64_t bytes, uint64_t datagrams) {
  awaits_answer_ = false;
  heard_ = true;
  for (Counters* counters : {&listener_.counters(), &server_->counters}) {
    add(counters->bytes_out, bytes);
    add(counters->packets_out, datagrams);
  }
  const TimePoint now = listener_.worker().loop().now();
  trace_.from_server(bytes, now);
  if (!std::exchange(answered_, true)) {
    const uint32_t us = trace_.first_byte_us();
    server_->latency.get().first_byte.add(us);
    server_->first_byte_time.sample(std::chrono::microseconds(us), now);
  }
  // One that refuses now has answered before.
  if (has_server()) server_->count_success();
}

/// One read per turn is right where a question has an answer: a second read would find nothing. A
/// flow that is readable turn after turn is a stream, and each turn costs more than a read.
void UdpFlow::adapt_burst(bool emptied) {
  const uint32_t turn = listener_.relay().turn();
  const bool again = turn == read_in_turn_ + 1;
  read_in_turn_ = turn;
  burst_ = emptied || !again ? uint8_t{1} : static_cast<uint8_t>(std::min(burst_ * 2, kMostBurst));
}

// ---- What is seen of it

ConnectionInfo UdpFlow::info() const {
  const TimePoint now = listener_.worker().loop().now();
  const Duration idle = listener_.service()->idle_timeout;
  return {.service = listener_.service(),
          .server = has_server() ? server_ : nullptr,
          .client = client(),
          .state = !has_server() ? "no server"
                   : heard_      ? "established"
                                 : "asking",
          .age = now - trace_.accepted(),
          .expires = std::max<Duration>(last_used() + idle - now, 0s)};
}

Endpoint UdpFlow::client() const {
  return listener_.client(key());
}

/// The letters of lbcore(8): who has ended it, in which phase.
observe::Termination UdpFlow::end_of(observe::EndedBy by) const {
  using observe::During;
  using observe::EndedBy;
  if (by == EndedBy::both && has_server()) {
    if (heard_) return {.by = EndedBy::both, .during = During::over};
    by = EndedBy::server_silence;
  } else if (by == EndedBy::both) {
    by = exhausted(last_error_)                     ? EndedBy::resource
         : last_error_ == 0 || last_error_ == EBUSY ? EndedBy::no_server
                                                    : EndedBy::server;
  }
  return {.by = by,
          .during = answered_    ? During::data
                    : asked_ > 0 ? During::connect
                                 : During::queue};
}

void UdpFlow::over(observe::EndedBy by) {
  const observe::Termination end = end_of(by);
  trace_.ended(end.by, end.during);
  if (end.by == observe::EndedBy::server_silence && answers_at_all(listener_.counters())) {
    server_->count_failure(ETIMEDOUT);
  }
  close();
  if (sources_) sources_->give_back(listener_.client_address(key()));
  if (answered_) server_->latency.get().duration.add(trace_.lasted_us(last_used()));
  // A one-shot flow that found no way to its server never was one.
  if (!listener_.worker().logs_access() || (one_shot() && asked_ == 0)) return;
  listener_.worker().log_access({.trace = trace_,
                                 .ended = last_used(),
                                 .client = client(),
                                 .service = listener_.service(),
                                 .server = server_,
                                 .asked = asked_,
                                 .from_session = from_session_});
}

}  // namespace hapair::lbcore::relay
