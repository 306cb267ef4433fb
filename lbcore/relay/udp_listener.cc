#include "lbcore/relay/udp_listener.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "lbcore/relay/admission.h"
#include "lbcore/relay/socket.h"
#include "lbcore/relay/udp_relay.h"
#include "lbcore/relay/worker.h"

namespace hapair::lbcore::relay {

namespace {

constexpr Duration kClosingTime = 1s;
constexpr Duration kClosingStep = 20ms;
constexpr int kDrainMost = 2048;  // batches; more than any socket's buffer holds

using observe::EndedBy;

}  // namespace

UdpListener::UdpListener(UdpRelay& relay, UniqueFd fd, std::shared_ptr<const Service> service)
    : relay_(relay),
      service_(std::move(service)),
      fd_(std::move(fd)),
      watcher_(relay.worker().loop()),
      table_(relay.secret(), service_->idle_timeout) {
  watcher_.set<&UdpListener::on_readable>(this);
}

UdpListener::~UdpListener() {
  while (end_oldest(nullptr, EndedBy::stop)) {
  }
  worker().disarm(*this);
}

Worker& UdpListener::worker() const {
  return relay_.worker();
}

IpAddress UdpListener::client_address(const FlowKey& key) const {
  if (!is_v4()) return IpAddress::from_bytes(std::span<const uint8_t, 16>(key.address));
  return IpAddress::from_bytes(std::span<const uint8_t, 4>(key.address.data(), 4));
}

Endpoint UdpListener::client(const FlowKey& key) const {
  return {client_address(key), ntohs(static_cast<uint16_t>(key.port))};
}

// ---- The service

void UdpListener::set_service(std::shared_ptr<const Service> service) {
  const auto count = static_cast<uint32_t>(table_.size());
  counters().active.fetch_sub(count, std::memory_order_relaxed);
  service_ = std::move(service);
  counters().active.fetch_add(count, std::memory_order_relaxed);
  ++generation_;
  table_.set_idle_timeout(service_->idle_timeout);
  set_timer();
}

bool UdpListener::offers(const LiveServer& server) const {
  const auto& servers = service_->pool->servers;
  return std::ranges::any_of(servers, [&](const Server& each) {
    return each.live.get() == &server && each.spec.admin != ServerAdmin::disabled;
  });
}

void UdpListener::close_gently() {
  drain();
  closing_ = true;
  give_up_ = worker().loop().now() + kClosingTime;
  set_timer();
}

void UdpListener::stop_reading() {
  reads_ = false;
  watcher_.stop();
}

void UdpListener::drain() {
  if (!reads_) return;
  for (int i = 0; i < kDrainMost && take_batch(); ++i) {
  }
}

void UdpListener::on_due() {
  const TimePoint now = worker().loop().now();
  while (FlowNode* flow = table_.expired(now)) {
    end(static_cast<UdpFlow&>(*flow), EndedBy::both);
  }
  if (closing_) {
    drain();
    end_answered();
    over_ = table_.size() == 0 || now >= give_up_;
  }
  if (over_) return watcher_.stop();
  set_timer();
}

/// From the oldest on: who waits for an answer has asked lately.
void UdpListener::end_answered() {
  for (FlowNode* node = table_.oldest(); node != nullptr; node = table_.oldest()) {
    auto& flow = static_cast<UdpFlow&>(*node);
    if (flow.awaits_answer()) return;
    end(flow, EndedBy::stop);
  }
}

void UdpListener::set_timer() {
  if (closing_) return worker().arm(*this, worker().loop().now() + kClosingStep);
  if (const auto at = table_.next_expiry()) worker().arm(*this, *at);
}

// ---- Datagrams

void UdpListener::on_readable(uint32_t) {
  take_batch();
}

bool UdpListener::take_batch() {
  RequestBatch& batch = relay_.requests();
  const size_t count = batch.receive(fd_.get());
  if (service_->spec.one_shot) {
    for (size_t i = 0; i < count; ++i) forward_once(i);
    return count > 0;
  }
  for (size_t first = 0; first < count;) {
    // A client that sends many at once has them sent on at once.
    size_t end = first + 1;
    while (end < count && batch.same_client(first, end)) ++end;
    forward(first, end - first);
    first = end;
  }
  return count > 0;
}

void UdpListener::forward(size_t first, size_t count) {
  const FlowKey key = flow_key(relay_.requests().from(first));
  UdpFlow* flow = find(key);
  if (flow == nullptr) {
    flow = open(key);
    if (flow == nullptr) return;
  }
  table_.touch(*flow, worker().loop().now());
  if (!flow->forward(relay_.requests(), first, count)) let_down(key, flow->last_error());
}

void UdpListener::forward_once(size_t index) {
  FlowKey key = flow_key(relay_.requests().from(index));
  const IpAddress client = client_address(key);
  const TimePoint now = worker().loop().now();
  const PoolId pool = service_->pool->id;
  counters().connections.fetch_add(1, std::memory_order_relaxed);
  Tried tried;
  int error = 0;
  while (tried.may_ask(service_->pool->spec.relay.retries)) {
    auto choice = worker().dispatcher().choose(pool, client, tried, now);
    if (!choice.server) break;
    tried.add(choice.server->id);
    key.server = choice.server->id;
    UdpFlow* flow = find(key);
    if (flow == nullptr) {
      flow = open(key);
      if (flow == nullptr) return;
      if (error = flow->use(choice.server, choice.limit); error != 0) {
        if (UdpFlow::blames_server(error)) {
          choice.server->counters.failed.fetch_add(1, std::memory_order_relaxed);
          choice.server->count_failure(error);
        }
        end(*flow, EndedBy::server);
        continue;
      }
    }
    table_.touch(*flow, now);
    if (flow->forward(relay_.requests(), index, 1)) {
      choice.server->counters.connections.fetch_add(1, std::memory_order_relaxed);
      if (!choice.from_session) worker().dispatcher().record(pool, client, *choice.server, now);
      flow->keep_session(pool, client, choice.from_session);
      return;
    }
    error = flow->last_error();
    end(*flow, EndedBy::server);
  }
  const EndedBy by = exhausted(error)               ? EndedBy::resource
                     : error == 0 || error == EBUSY ? EndedBy::no_server
                                                    : EndedBy::server;
  worker().log_turned_away(
      service_, this->client(key), by,
      by == EndedBy::no_server ? observe::During::queue : observe::During::connect);
  let_down(key, error);
}

void UdpListener::answered(UdpFlow& flow) {
  if (flow.one_shot() && !flow.has_server()) return end(flow, EndedBy::server);
  table_.touch(flow, worker().loop().now());
}

void UdpListener::let_down(const FlowKey& key, int error) {
  counters().failed.fetch_add(1, std::memory_order_relaxed);
  if (!closing_) worker().report_let_down(*service_, client_address(key), nullptr, error);
}

// ---- Flows

UdpFlow* UdpListener::find(const FlowKey& key) const {
  return static_cast<UdpFlow*>(table_.find(key));
}

UdpFlow* UdpListener::open(const FlowKey& key) {
  std::shared_ptr<limit::SourceTable> counted;
  if (!let_in(key, counted)) return nullptr;
  if (!relay_.may_open()) {
    counters().active.fetch_sub(1, std::memory_order_relaxed);
    if (counted) counted->give_back(client_address(key));
    worker().log_turned_away(service_, client(key), EndedBy::resource, observe::During::admission);
    let_down(key, EMFILE);
    return nullptr;
  }
  auto* flow = new UdpFlow(*this, key);
  flow->count_source(std::move(counted));
  table_.add(*flow, worker().loop().now());
  relay_.opened(*flow);
  if (!armed()) set_timer();
  return flow;
}

bool UdpListener::let_in(const FlowKey& key, std::shared_ptr<limit::SourceTable>& counted) {
  if (service_->spec.one_shot) {
    // Has no limits (validate()); its datagrams are the connections that are counted.
    counters().active.fetch_add(1, std::memory_order_relaxed);
    return true;
  }
  const TimePoint now = worker().loop().now();
  auto refusal = admit(*service_, now);
  if (!refusal) {
    bool counts = false;
    refusal = admit_source(*service_, client_address(key), now, counts);
    if (counts) counted = service_->sources;
    if (refusal) counters().active.fetch_sub(1, std::memory_order_relaxed);
  }
  if (!refusal) return true;
  worker().refused(*service_, client_address(key), *refusal, name(*refusal));
  worker().log_turned_away(service_, client(key), EndedBy::limit, observe::During::admission);
  return false;
}

void UdpListener::end(UdpFlow& flow, observe::EndedBy by) {
  flow.over(by);
  table_.remove(flow);
  counters().active.fetch_sub(1, std::memory_order_relaxed);
  relay_.retire(std::unique_ptr<UdpFlow>(&flow));
}

bool UdpListener::end_oldest(const UdpFlow* spared, observe::EndedBy by) {
  auto* oldest = static_cast<UdpFlow*>(table_.oldest());
  if (oldest == nullptr || oldest == spared) return false;
  end(*oldest, by);
  return true;
}

}  // namespace hapair::lbcore::relay
