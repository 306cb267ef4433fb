// A connection on its way to the other node, and one that comes from there (DESIGN flow e). Bytes
// are taken from where they are, in the order of each stream: what a socket has sent and nobody has
// acknowledged goes into its image, what it has not sent yet joins what the relay holds back behind
// it, and what nobody has read goes into the image of the other socket. So each kind is at its
// place again on the other node, and a receiver that does not read holds up its sender as before.
//
// Until discard(), nothing is lost here: wake() goes on as if nothing had happened.
#include <algorithm>
#include <utility>

#include "lbcore/handover/tcp_repair.h"
#include "lbcore/relay/connection.h"
#include "lbcore/relay/connection_aside.h"
#include "lbcore/relay/socket.h"
#include "lbcore/relay/worker.h"

namespace hapair::lbcore::relay {

bool Connection::leaves(const Departure& departure) const {
  const Endpoint& listen = service_->spec.listen;
  const IpAddress vip =
      listen.ip.is_unspecified() ? local_endpoint(client_.fd.get()).ip : listen.ip;
  return departure.leaves({service_->spec.protocol, listen}, vip);
}

bool Connection::begins() const {
  return phase_ == Phase::heading || phase_ == Phase::waiting || phase_ == Phase::connecting;
}

Result<std::string> Connection::freeze(const Departure& departure) {
  const auto ends = [](const RelayPipe& pipe) {
    return pipe.state() != RelayPipe::State::open && pipe.state() != RelayPipe::State::blocked;
  };
  if (phase_ == Phase::lingering || (phase_ == Phase::relaying && (ends(up_) || ends(down_)))) {
    return fail("{}", handover::kClosing);
  }
  if (phase_ != Phase::relaying) return fail("no server yet");
  const PoolRelay& relay = service_->pool->spec.relay;
  const IpAddress source = local_endpoint(server_.fd.get()).ip;
  if (!relay.transparent && std::ranges::find(relay.source, source) == relay.source.end()) {
    return fail("no floating source");
  }
  if (!relay.transparent && departure.here.contains(source)) return fail("its source stays here");

  auto client = handover::dump(client_.fd.get());
  if (!client) return tl::unexpected(client.error());
  if (departure.here.contains(client->image.local.ip)) {
    handover::wake(client_.fd.get(), false);
    return fail("its VIP is still here");
  }
  auto server = handover::dump(server_.fd.get());
  if (!server) {
    handover::wake(client_.fd.get(), false);
    return tl::unexpected(server.error());
  }
  const TimePoint now = worker_.loop().now();
  handover::ConnectionImage image{.listen = service_->spec.listen,
                                  .pool = service_->pool->spec.name,
                                  .server = server_live_->address,
                                  .client = address_,
                                  .client_side = std::move(client->image),
                                  .server_side = std::move(server->image),
                                  .up = std::move(server->unsent),
                                  .down = std::move(client->unsent),
                                  .age = now - trace_.accepted(),
                                  .idle = now - last_active_,
                                  .course = trace_.course(),
                                  .from_session = from_session_,
                                  .asked = tried_.count()};
  image.server_side.transparent = relay.transparent;
  if (!up_.copy_held(image.up) || !down_.copy_held(image.down)) {
    handover::wake(client_.fd.get(), false);
    handover::wake(server_.fd.get(), false);
    return fail("its bytes cannot be read");
  }
  client_.watcher.stop();
  server_.watcher.stop();
  worker_.disarm(*this);
  tell_reads();
  phase_ = Phase::frozen;
  return handover::encode(image);
}

void Connection::restore(UniqueFd server, std::shared_ptr<LiveServer> live,
                         const handover::ConnectionImage& image) {
  const TimePoint now = worker_.loop().now();
  set_client_options(client_.fd.get());
  server_.fd = std::move(server);
  send_at_once(server_.fd.get());
  prompt_ = true;
  server_live_ = std::move(live);
  server_live_->counters.active.fetch_add(1, std::memory_order_relaxed);
  for (uint8_t i = 0; i < image.asked; ++i) tried_.add(server_live_->id);
  trace_ = observe::Trace(now - image.age, image.course);
  last_active_ = now - image.idle;
  from_session_ = image.from_session;
  collected_ = true;
  up_.hold(image.up);
  down_.hold(image.down);
  if (service_->sources) {
    source_counted_ =
        service_->sources->take(address_.ip, {}, now) == limit::SourceTable::Verdict::counted;
  }
  holds_session_ = worker_.dispatcher().hold(service_->pool->id, address_.ip);
  phase_ = Phase::restored;
}

void Connection::wake() {
  handover::wake(client_.fd.get(), true);
  handover::wake(server_.fd.get(), true);
  phase_ = Phase::relaying;
  // What is there already is reported at once: bytes to read, and room to write what is held back.
  watch_stream(client_, down_);
  watch_stream(server_, up_);
  arm_for_silence();
}

void Connection::discard() {
  trace_.ended(observe::EndedBy::move, during());
  over();
}

}  // namespace hapair::lbcore::relay
