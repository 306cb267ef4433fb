// One worker's part of a handover: no new clients, its connections frozen, thawed or dropped, and
// connections from the other node restored. WorkerPool calls, this worker's thread acts.
#include <algorithm>
#include <memory>
#include <utility>

#include "lbcore/handover/connection_image.h"
#include "lbcore/handover/tcp_repair.h"
#include "lbcore/relay/socket.h"
#include "lbcore/relay/worker.h"

namespace hapair::lbcore::relay {

namespace {

// For handshakes that had begun, and then for servers to accept.
constexpr Duration kQuietLeast = 20ms;
constexpr Duration kQuietMost = 60ms;
constexpr Duration kQuietLook = TimerWheel::kTick;

/// Whether the image speaks of what this service and pool do here.
Result<std::shared_ptr<LiveServer>> server_of(const handover::ConnectionImage& image,
                                              const Service& service) {
  const Endpoint& vip = image.client_side.local;
  const bool of_service = vip.port == image.listen.port &&
                          (vip.ip == image.listen.ip || image.listen.ip.is_unspecified());
  if (!of_service) {
    return fail("a client of {} is not one of service {}", vip.to_string(), service.spec.name);
  }
  if (image.server_side.remote != image.server) {
    return fail("it is connected to {}, not to {}", image.server_side.remote.to_string(),
                image.server.to_string());
  }
  const Pool& pool = *service.pool;
  const PoolRelay& relay = pool.spec.relay;
  for (const Server& server : pool.servers) {
    if (server.spec.address != image.server) continue;
    const IpAddress& source = image.server_side.local.ip;
    const bool known_source = relay.transparent
                                  ? image.server_side.transparent
                                  : std::ranges::find(relay.source, source) != relay.source.end();
    if (!known_source)
      return fail("pool {} has not the source {}", pool.spec.name, source.to_string());
    return server.live;
  }
  return fail("pool {} has no server {}", pool.spec.name, image.server.to_string());
}

}  // namespace

template <typename Which, typename Do>
void Worker::for_each(Which which, Do action) {
  for (Connection* each = open_; each != nullptr;) {
    Connection* const next = each->next;
    if (which(*each)) action(*each);
    each = next;
  }
}

// ---- No new clients

void Worker::be_quiet(const Listener& listener) const {
  // A socket from another process may have been left quiet there.
  if (quiet_) {
    ignore_newcomers(listener.fd());
  } else {
    admit_newcomers(listener.fd());
  }
}

void Worker::quiesce(std::function<void()> done) {
  loop_.post([this, done = std::move(done)] {
    quiet_ = true;
    for (auto& [key, listener] : listeners_) {
      be_quiet(*listener);
      listener->drain();
    }
    on_quiet_ = done;
    quiet_until_ = loop_.now() + kQuietMost;
    arm(quiet_look_, loop_.now() + kQuietLeast);
  });
}

void Worker::look_whether_quiet() {
  for (auto& [key, listener] : listeners_) listener->drain();
  bool begins = false;
  for_each([](const Connection& each) { return each.begins(); },
           [&](const Connection&) { begins = true; });
  if (begins && loop_.now() < quiet_until_) return arm(quiet_look_, loop_.now() + kQuietLook);
  if (on_quiet_) std::exchange(on_quiet_, nullptr)();
}

void Worker::resume() {
  loop_.post([this] {
    quiet_ = false;
    for (auto& [key, listener] : listeners_) be_quiet(*listener);
    wheel_.disarm(quiet_look_);
    if (on_quiet_) std::exchange(on_quiet_, nullptr)();
  });
}

// ---- The node that connections leave

void Worker::freeze(Leaves leaves, std::function<void(Frozen)> done) {
  loop_.post([this, leaves = std::move(leaves), done = std::move(done)] {
    const Departure departure{.leaves = leaves, .here = own_addresses()};
    Frozen frozen;
    for_each([&](const Connection& each) { return each.leaves(departure); },
             [&](Connection& each) {
               auto image = each.freeze(departure);
               if (image) {
                 frozen.images.push_back(std::move(*image));
               } else {
                 ++frozen.left[image.error().message];
               }
             });
    frozen.moving = frozen.images.size();
    done(std::move(frozen));
  });
}

void Worker::thaw() {
  loop_.post([this] {
    for_each([](const Connection& each) { return each.is_frozen(); },
             [](Connection& each) { each.wake(); });
  });
}

void Worker::discard_frozen() {
  loop_.post([this] {
    for_each([](const Connection& each) { return each.is_frozen(); },
             [](Connection& each) { each.discard(); });
  });
}

// ---- The node that they come to

void Worker::restore(std::vector<std::string> images, std::function<void(Restored)> done) {
  loop_.post([this, images = std::move(images), done = std::move(done)] {
    Restored out;
    for (const std::string& image : images) {
      if (auto restored = restore_one(image)) {
        ++out.restored;
      } else {
        out.failures.push_back(std::move(restored.error().message));
      }
    }
    long_lived_.flush();
    done(std::move(out));
  });
}

Status Worker::restore_one(const std::string& bytes) {
  const auto image = handover::decode(bytes);
  if (!image) return tl::unexpected(image.error());
  const auto listener = listeners_.find({Protocol::tcp, image->listen});
  if (listener == listeners_.end()) {
    return fail("no service listens on tcp {}", image->listen.to_string());
  }
  const std::shared_ptr<const Service>& service = listener->second->service();
  const auto server = server_of(*image, *service);
  if (!server) return tl::unexpected(server.error());
  if (!budget_.take()) return fail("no more connections can be open here");
  auto client_side = handover::restore(image->client_side);
  auto server_side = client_side ? handover::restore(image->server_side) : Result<UniqueFd>();
  if (!client_side || !server_side) {
    budget_.give_back();
    return tl::unexpected(client_side ? server_side.error() : client_side.error());
  }
  service->live->counters.active.fetch_add(1, std::memory_order_relaxed);
  auto* connection = new Connection(*this, std::move(*client_side), image->client, service);
  add(*connection);
  connection->restore(std::move(*server_side), *server, *image);
  connection->tell_open();  // ours, before the addresses are: nobody is told that it is gone
  return {};
}

void Worker::revive() {
  loop_.post([this] {
    for_each([](const Connection& each) { return each.is_restored(); },
             [](Connection& each) { each.wake(); });
  });
}

void Worker::discard_restored() {
  loop_.post([this] {
    for_each([](const Connection& each) { return each.is_restored(); },
             [](Connection& each) { each.discard(); });
  });
}

}  // namespace hapair::lbcore::relay
