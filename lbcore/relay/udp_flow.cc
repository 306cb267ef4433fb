#include "lbcore/relay/udp_flow.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <sys/socket.h>

#include "lbcore/relay/socket.h"
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

/// What is said of a datagram (one that was too long for the path may be told of late) or of this
/// machine, not of the server.
bool concerns_datagram(int error) {
  return error == EAGAIN || error == ENOBUFS || error == ENOMEM || error == EMSGSIZE ||
         error == EINTR;
}

}  // namespace

UdpFlow::UdpFlow(UdpListener& listener, const FlowKey& key)
    : FlowNode(key), listener_(listener), watcher_(listener.worker().loop().raw()) {
  watcher_.set<UdpFlow, &UdpFlow::on_readable>(this);
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
      add(service.bytes_in, bytes);
      add(server_->counters.bytes_in, bytes);
    }
    first += done;
    count -= done;
  }
  return true;
}

bool UdpFlow::keeps_server() {
  if (!server_) return false;
  if (one_shot()) return true;  // it was chosen a moment ago
  if (generation_ != listener_.generation()) {
    generation_ = listener_.generation();
    if (!listener_.offers(*server_)) close();
    tried_ = Tried{};
    if (!server_) return false;
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
  const PoolId pool = listener_.service().pool->id;
  const IpAddress client = listener_.client_address(key());
  const TimePoint now = worker.loop().now();
  while (tried_.may_ask(listener_.service().pool->spec.relay.retries)) {
    auto choice = worker.dispatcher().choose(pool, client, tried_, now);
    if (!choice.server) break;
    tried_.add(choice.server->id);
    const int error = use(choice.server, choice.limit);
    if (error == 0) {
      add<uint64_t>(server_->counters.connections, 1);
      if (!choice.from_session) worker.dispatcher().record(pool, client, *server_, now);
      return true;
    }
    last_error_ = error;
    if (exhausted(error)) return false;
    if (blames_server(error)) add<uint64_t>(choice.server->counters.failed, 1);
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
  watcher_.start(fd_.get(), ev::READ);
  return 0;
}

bool UdpFlow::blames_server(int error) {
  return error != EBUSY && !exhausted(error);
}

void UdpFlow::server_failed(int error) {
  last_error_ = error;
  add<uint64_t>(server_->counters.failed, 1);
  close();
}

void UdpFlow::close() {
  if (!server_) return;
  watcher_.stop();
  fd_.reset();
  server_->counters.active.fetch_sub(1, std::memory_order_relaxed);
  server_.reset();
}

// ---- From the server

void UdpFlow::on_readable(ev::io&, int) {
  ReplyBatch& replies = listener_.relay().replies();
  uint64_t bytes = 0;
  uint8_t read = 0;
  bool emptied = false;
  while (read < burst_) {
    const std::span<char> room = replies.room();
    const ssize_t got = ::recv(fd_.get(), room.data(), room.size(), MSG_DONTWAIT);
    if (got < 0) {
      emptied = concerns_datagram(errno);
      if (!emptied) server_failed(errno);
      break;
    }
    replies.push(listener_.fd(), listener_.is_v4(), key(), static_cast<size_t>(got));
    bytes += static_cast<uint64_t>(got);
    ++read;
  }
  if (read > 0) {
    awaits_answer_ = false;
    add(listener_.counters().bytes_out, bytes);
    if (server_) add(server_->counters.bytes_out, bytes);
  }
  if (server_) adapt_burst(emptied);
  listener_.answered(*this);  // may end the flow
}

/// One read per turn is right where a question has an answer: a second read would find nothing. A
/// flow that is readable turn after turn is a stream, and each turn costs more than a read.
void UdpFlow::adapt_burst(bool emptied) {
  const uint32_t turn = listener_.relay().turn();
  const bool again = turn == read_in_turn_ + 1;
  read_in_turn_ = turn;
  burst_ = emptied || !again ? uint8_t{1} : static_cast<uint8_t>(std::min(burst_ * 2, kMostBurst));
}

}  // namespace hapair::lbcore::relay
