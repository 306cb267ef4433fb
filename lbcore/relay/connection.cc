#include "lbcore/relay/connection.h"

#include <algorithm>

#include <sys/socket.h>

#include "lbcore/relay/admission.h"
#include "lbcore/relay/connection_aside.h"
#include "lbcore/relay/socket.h"
#include "lbcore/relay/system_calls.h"
#include "lbcore/relay/worker.h"

namespace hapair::lbcore::relay {

namespace {

constexpr int kTakenMeanwhile = -1;  // another worker gave the server's last place away
constexpr Duration kDescriptorRetry = 50ms;
constexpr Duration kLingerStep = 20ms;
constexpr Duration kLingerMost = 5s;
constexpr uint8_t kTellReads = 64;
constexpr int kReadsPerTurn = 4;  // of one socket
// What fits into it is sent at once anyway; of more, Nagle's algorithm would keep the rest until
// the server has acknowledged the first, which some do only after 200 ms.
constexpr uint32_t kOneSegment = 1220;  // bytes: 1280, IPv6's least MTU, without the headers

using State = RelayPipe::State;
using observe::EndedBy;

template <typename T>
void add(std::atomic<T>& counter, T amount) {
  counter.fetch_add(amount, std::memory_order_relaxed);
}

template <typename T>
void subtract(std::atomic<T>& counter, T amount) {
  counter.fetch_sub(amount, std::memory_order_relaxed);
}

EndedBy why_let_down(const LiveServer* failed, int error) {
  if (exhausted(error)) return EndedBy::resource;
  if (failed == nullptr) {
    return cannot_speak_as_client(error) ? EndedBy::resource : EndedBy::no_server;
  }
  return error == ETIMEDOUT ? EndedBy::server_silence : EndedBy::server;
}

int connect_to(int fd, const Endpoint& endpoint) {
  sockaddr_storage address{};
  const socklen_t size = endpoint.to_sockaddr(address);
  return kernel::connect(fd, reinterpret_cast<const sockaddr*>(&address), size) == 0 ? 0 : errno;
}

}  // namespace

Connection::Connection(Worker& worker, UniqueFd client, const Endpoint& address,
                       std::shared_ptr<const Service> service)
    : worker_(worker),
      service_(std::move(service)),
      address_(address),
      trace_(worker.loop().now()),
      client_(worker.loop()),
      server_(worker.loop()),
      up_(worker.kernel_pipes()),
      down_(worker.kernel_pipes()) {
  client_.fd = std::move(client);
  client_.watcher.set<&Connection::on_client>(this);
  server_.watcher.set<&Connection::on_server>(this);
}

Connection::~Connection() = default;

Connection::Aside& Connection::aside() {
  if (!aside_) aside_ = std::make_unique<Aside>();
  return *aside_;
}

void Connection::close(Side& side) {
  side.watcher.forget();
  side.fd.reset();
}

void Connection::reset(Side& side) {
  side.watcher.forget();
  if (side.fd) close_with_reset(std::move(side.fd));
}

// ---- connecting

void Connection::start() {
  if (must_send_header()) return expect_header();
  find_server();
}

void Connection::find_server() {
  const TimePoint now = worker_.loop().now();
  if (const auto refusal = admit_source(*service_, address_.ip, now, source_counted_)) {
    trace_.ended(EndedBy::limit, observe::During::admission);
    return refuse(*refusal, EndedBy::limit, name(*refusal));
  }
  give_up_ = now + service_->pool->spec.connect_timeout;
  ask_next_server();
}

void Connection::ask_next_server(std::shared_ptr<LiveServer> failed) {
  while (tried_.may_ask(service_->pool->spec.relay.retries)) {
    auto choice =
        worker_.dispatcher().choose(service_->pool->id, address_.ip, tried_, worker_.loop().now());
    if (must_wait(choice)) return wait_in_queue();
    if (!choice.server) break;
    from_session_ = choice.from_session;
    const int error = ask(choice.server, choice.limit);
    if (error == kTakenMeanwhile) continue;
    if (error == 0) return;
    if (exhausted(error)) {
      leave_server();
      return wait_for_descriptor();
    }
    if (service_->pool->spec.relay.transparent && cannot_speak_as_client(error)) {
      leave_server();
      last_error_ = error;
      break;
    }
    failed = server_failed(error);
  }
  let_down(std::move(failed));
}

int Connection::ask(const std::shared_ptr<LiveServer>& server, uint32_t limit) {
  const uint32_t before = server->counters.active.fetch_add(1, std::memory_order_relaxed);
  if (limit != 0 && before >= limit) {
    subtract<uint32_t>(server->counters.active, 1);
    return kTakenMeanwhile;
  }
  server_live_ = server;
  leave_queue();
  const int family = server->address.ip.family();
  const bool transparent = service_->pool->spec.relay.transparent;
  server_.fd = server_socket(family);
  if (!server_.fd) return errno;
  if (!tried_.none()) add<uint64_t>(service_->live->retries, 1);
  tried_.add(server->id);
  phase_ = Phase::connecting;
  if (!std::exchange(collected_, true)) collect();
  if (up_.state() == State::broken) {
    trace_.ended(EndedBy::client, during());
    abort();
    return 0;
  }
  const bool speaks = up_.state() == State::blocked;
  if (speaks) speak_at_once(server_.fd.get());
  if (first_bytes_ > kOneSegment) {
    prompt_ = true;
    send_at_once(server_.fd.get());
  }
  trace_.asked(SocketLoop::precise_now());
  int error = connect_to(server_.fd.get(), server->address);
  const bool from_floating = !service_->pool->spec.relay.source.empty();
  if ((error == EADDRNOTAVAIL && (transparent || from_floating)) ||
      (error == EINVAL && from_floating)) {
    // This client's port is connected to this server already, or was a moment ago. Or all ports of
    // the floating address are, or it is not here.
    server_.fd =
        transparent ? open_transparent_socket(family, address_, false) : open_server_socket(family);
    if (!server_.fd) return errno;
    if (speaks) speak_at_once(server_.fd.get());
    error = connect_to(server_.fd.get(), server->address);
  }
  // Near by, the handshake is done before connect() returns; asking at once is cheaper than a turn
  // through the event loop.
  if (error == EINPROGRESS) {
    error = speaks ? up_.offer(server_.fd.get()) : connect_to(server_.fd.get(), server->address);
  }
  if (error == 0) {
    established();
    return 0;
  }
  if (error != EALREADY && error != EAGAIN) return error;
  server_.watcher.start(server_.fd.get(), Watch::kWrite);
  worker_.arm(*this, worker_.loop().now() + service_->pool->spec.connect_timeout);
  return 0;
}

/// From the pool's floating address while this node has it, else from its own: served all the same,
/// such a connection only cannot move.
UniqueFd Connection::server_socket(int family) const {
  const PoolRelay& relay = service_->pool->spec.relay;
  if (relay.transparent) return open_transparent_socket(family, address_, true);
  if (!relay.source.empty()) {
    UniqueFd fd = open_socket_from(relay.source, family, address_.port);
    if (fd || exhausted(errno)) return fd;
  }
  return open_server_socket(family);
}

/// The client has often sent its request by now: it goes out with the end of the handshake.
void Connection::collect() {
  const std::span<char> scratch = worker_.scratch();
  const auto moved = up_.collect(client_.fd.get(), scratch, write_header(scratch));
  if (moved.error != 0) last_error_ = moved.error;
  first_bytes_ = static_cast<uint32_t>(moved.bytes);
}

void Connection::on_connect_result() {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(server_.fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error == 0) return established();
  ask_next_server(server_failed(error));
}

std::shared_ptr<LiveServer> Connection::server_failed(int error) {
  last_error_ = error;
  add<uint64_t>(server_live_->counters.failed, 1);
  server_live_->count_failure(error);
  return leave_server();
}

std::shared_ptr<LiveServer> Connection::leave_server() {
  close(server_);
  worker_.disarm(*this);
  subtract<uint32_t>(server_live_->counters.active, 1);
  worker_.place_is_free();
  return std::exchange(server_live_, nullptr);
}

void Connection::wait_for_descriptor() {
  last_error_ = EMFILE;
  worker_.out_of_descriptors(last_error_);
  if (worker_.loop().now() >= give_up_) return let_down(nullptr);
  phase_ = Phase::waiting;
  worker_.arm(*this, worker_.loop().now() + kDescriptorRetry);
}

void Connection::let_down(std::shared_ptr<LiveServer> failed) {
  add<uint64_t>(service_->live->counters.failed, 1);
  trace_.ended(why_let_down(failed.get(), last_error_), during());
  worker_.report_let_down(*service_, address_.ip, failed.get(), last_error_);
  reset(client_);
  over(std::move(failed));
}

void Connection::established() {
  phase_ = Phase::relaying;
  last_active_ = worker_.loop().now();
  add<uint64_t>(server_live_->counters.connections, 1);
  const uint32_t connect_us = trace_.connected(SocketLoop::precise_now());
  server_live_->latency.get().connect.add(connect_us);
  server_live_->connect_time.sample(std::chrono::microseconds(connect_us), worker_.loop().now());
  if (!from_session_) {
    worker_.dispatcher().record(service_->pool->id, address_.ip, *server_live_,
                                worker_.loop().now());
  }
  holds_session_ = worker_.dispatcher().hold(service_->pool->id, address_.ip);
  if (told_) {
    tell_open();
  } else {
    aside_.reset();
  }
  if (up_.state() == State::blocked) account(up_, up_.flush(server_.fd.get()));
  account(up_, {.bytes = first_bytes_});
  settle();
  if (phase_ == Phase::relaying && !looks_) arm_for_silence();
}

// ---- relaying

void Connection::on_client(uint32_t events) {
  if (phase_ == Phase::heading) return read_header();
  on_ready(client_, up_, down_, server_, events);
}

void Connection::on_server(uint32_t events) {
  if (phase_ == Phase::connecting) return on_connect_result();
  on_ready(server_, down_, up_, client_, events);
}

void Connection::on_ready(Side& side, RelayPipe& from_side, RelayPipe& to_side, Side& other,
                          uint32_t events) {
  last_active_ = worker_.loop().now();
  if ((events & Watch::kWrite) != 0 && to_side.state() == State::blocked) {
    account(to_side, to_side.flush(side.fd.get()));
    // What the other side has sent meanwhile was reported, and left where it is.
    if (to_side.state() == State::open) other.watcher.repeat();
  }
  if ((events & Watch::kRead) != 0 && from_side.state() == State::open) {
    read(side, from_side, other, (events & Watch::kMore) != 0);
    // The common case: bytes went through, and nothing else has changed.
    if (from_side.state() == State::open && to_side.state() == State::open) {
      if (side.watcher.events() == Watch::kStream && other.watcher.events() == Watch::kStream)
        return;
    }
  }
  settle();
  // One that has ended is not read: here its reset is met.
  if (phase_ == Phase::relaying && from_side.state() == State::finished &&
      (events & Watch::kError) != 0) {
    end_by_reset(side, other);
  }
}

/// Until nothing is left, or others had better have their turn. `more`: there may be some even
/// after a read that was short.
void Connection::read(Side& side, RelayPipe& from_side, Side& other, bool more) {
  for (int i = 0; i < kReadsPerTurn; ++i) {
    const auto moved = from_side.pump(side.fd.get(), other.fd.get(), worker_.scratch());
    account(from_side, moved);
    if (!prompt_ && &from_side == &up_ && moved.bytes > 0) {
      prompt_ = true;
      send_at_once(server_.fd.get());
    }
    const bool emptied = moved.bytes == 0 || !(moved.more || more);
    if (emptied || from_side.state() != State::open) return;
  }
  side.watcher.repeat();
}

void Connection::account(const RelayPipe& pipe, const RelayPipe::Moved& moved) {
  if (moved.error != 0) last_error_ = moved.error;
  if (moved.bytes == 0) return;
  Counters& service = service_->live->counters;
  Counters& server = server_live_->counters;
  if (&pipe == &up_) {
    trace_.from_client(moved.bytes, worker_.loop().now());
    if (++reads_up_ == kTellReads) tell_reads();
    add<uint64_t>(service.bytes_in, moved.bytes);
    add<uint64_t>(server.bytes_in, moved.bytes);
  } else {
    if (trace_.from_server(moved.bytes, worker_.loop().now())) {
      const uint32_t first_byte_us = trace_.first_byte_us();
      server_live_->latency.get().first_byte.add(first_byte_us);
      server_live_->first_byte_time.sample(std::chrono::microseconds(first_byte_us),
                                           worker_.loop().now());
      server_live_->count_success();
    }
    if (++reads_down_ == kTellReads) tell_reads();
    add<uint64_t>(service.bytes_out, moved.bytes);
    add<uint64_t>(server.bytes_out, moved.bytes);
  }
}

/// In batches: figures for people are not worth four atomic additions per request.
void Connection::tell_reads() {
  for (Counters* counters : {&service_->live->counters, &server_live_->counters}) {
    if (reads_up_ > 0) add<uint64_t>(counters->packets_in, reads_up_);
    if (reads_down_ > 0) add<uint64_t>(counters->packets_out, reads_down_);
  }
  reads_up_ = 0;
  reads_down_ = 0;
}

void Connection::settle() {
  const auto moving = [](const RelayPipe& pipe) {
    return pipe.state() == State::open || pipe.state() == State::blocked;
  };
  const bool failed = up_.state() == State::broken || down_.state() == State::broken;
  if (failed) {
    // The pipe that broke may leave the other one bytes to deliver: a server that answers early
    // and resets has still answered. Only then does the reset pass on.
    const bool client_failed = up_.source_failed() || down_.sink_failed();
    Side& dead = client_failed ? client_ : server_;
    Side& other = client_failed ? server_ : client_;
    const RelayPipe& remaining = client_failed ? up_ : down_;
    if (!moving(remaining)) return end_by_reset(dead, other);
  } else {
    const auto ended = [](const RelayPipe& pipe) {
      return pipe.state() == State::ended || pipe.state() == State::finished;
    };
    if (ended(up_) && ended(down_)) {
      // Closing tells the last one: nothing is left unread that would make it a reset.
      server_live_->count_success();
      return over();
    }
    if (up_.state() == State::ended) {
      up_.finish(server_.fd.get());
      arm_for_silence();  // less of it is borne now
    } else if (down_.state() == State::ended) {
      down_.finish(client_.fd.get());
      arm_for_silence();
    }
  }
  watch_as_needed();
}

void Connection::watch_as_needed() {
  watch_stream(client_, down_);
  watch_stream(server_, up_);
  if (blocked() && !looks_) arm_for_silence();
}

void Connection::watch_stream(Side& side, const RelayPipe& to_side) {
  const uint32_t wanted = Watch::kStream | (to_side.state() == State::blocked ? Watch::kWrite : 0U);
  if (side.watcher.events() != wanted) side.watcher.start(side.fd.get(), wanted);
}

// ---- the end

void Connection::on_due() {
  switch (phase_) {
    case Phase::heading:
      return refuse(Refusal::proxy_header_timeout, EndedBy::client_silence,
                    "no whole PROXY header in time");
    case Phase::queued:
      return look_while_queued();
    case Phase::waiting:
      return ask_next_server();
    case Phase::connecting:
      return ask_next_server(server_failed(ETIMEDOUT));
    case Phase::relaying:
      return look_while_relaying();
    case Phase::lingering: {
      Side& other = client_.fd ? client_ : server_;
      if (unacknowledged_bytes(other.fd.get()) > 0 && worker_.loop().now() < give_up_) {
        return worker_.arm(*this, worker_.loop().now() + kLingerStep);
      }
      reset(other);
      return over();
    }
    case Phase::frozen:
    case Phase::restored:
    case Phase::over:
      return;
  }
}

observe::During Connection::during() const {
  const auto flows = [](const RelayPipe& pipe) {
    return pipe.state() != State::ended && pipe.state() != State::finished;
  };
  switch (phase_) {
    case Phase::heading:
      return observe::During::admission;
    case Phase::queued:
    case Phase::waiting:
      return observe::During::queue;
    case Phase::connecting:
      // Until the first server is asked, and when there is none.
      return tried_.none() ? observe::During::queue : observe::During::connect;
    case Phase::relaying:
    case Phase::frozen:
    case Phase::restored:
    case Phase::lingering:
      return flows(up_) && flows(down_) ? observe::During::data : observe::During::last_data;
    case Phase::over:
      break;
  }
  return observe::During::over;
}

void Connection::end_by_reset(Side& dead, Side& other) {
  trace_.ended(&dead == &client_ ? EndedBy::client : EndedBy::server, during());
  if (&dead == &server_ && trace_.bytes_out() == 0) server_live_->count_failure(last_error_);
  reset(dead);
  other.watcher.forget();  // by edges: it says nothing more unasked
  if (unacknowledged_bytes(other.fd.get()) > 0) {
    // A reset now would take back bytes that the failed side had sent in time.
    phase_ = Phase::lingering;
    give_up_ = worker_.loop().now() + kLingerMost;
    return worker_.arm(*this, worker_.loop().now() + kLingerStep);
  }
  reset(other);
  over();
}

void Connection::refuse(Refusal reason, EndedBy by, std::string_view what) {
  trace_.ended(by, during());
  worker_.refused(*service_, address_.ip, reason, what);
  abort();
}

void Connection::abort() {
  if (phase_ == Phase::over) return;
  trace_.ended(EndedBy::stop, during());
  reset(client_);
  reset(server_);
  over();
}

void Connection::leave_traces(std::shared_ptr<LiveServer> failed) {
  if (trace_.end().by == EndedBy::move) return;  // the other node tells of it
  const TimePoint now = worker_.loop().now();
  if (trace_.is_connected()) server_live_->latency.get().duration.add(trace_.lasted_us(now));
  if (!worker_.logs_access()) return;
  worker_.log_access({.trace = trace_,
                      .ended = now,
                      .client = address_,
                      .service = service_,
                      .server = server_live_ ? server_live_ : std::move(failed),
                      .asked = tried_.count(),
                      .from_session = from_session_});
}

void Connection::over(std::shared_ptr<LiveServer> failed) {
  phase_ = Phase::over;
  leave_traces(std::move(failed));
  tell_over();
  close(client_);
  close(server_);
  worker_.disarm(*this);
  leave_queue();
  if (holds_session_) {
    worker_.dispatcher().release(service_->pool->id, address_.ip, worker_.loop().now());
  }
  if (server_live_) {
    tell_reads();
    subtract<uint32_t>(server_live_->counters.active, 1);
  }
  worker_.place_is_free();
  server_live_.reset();
  if (source_counted_) service_->sources->give_back(address_.ip);
  subtract<uint32_t>(service_->live->counters.active, 1);
  worker_.retire(*this);
}

}  // namespace hapair::lbcore::relay
