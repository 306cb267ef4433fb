// The PROXY headers of a connection: the one that a listed client must send before anything else,
// and the one that its server gets. While a client's header comes in pieces, the pieces wait in
// `aside_`; whoever sends it whole, as everybody does, costs no memory. Of the socket exactly the
// header is read: what follows is left there for the relay.
#include <algorithm>
#include <cerrno>
#include <cstring>

#include <sys/socket.h>

#include "lbcore/relay/connection.h"
#include "lbcore/relay/connection_aside.h"
#include "lbcore/relay/proxy_header.h"
#include "lbcore/relay/socket.h"
#include "lbcore/relay/worker.h"

namespace hapair::lbcore::relay {

bool Connection::must_send_header() const {
  return std::ranges::any_of(service_->spec.relay.proxy_from,
                             [&](const Prefix& prefix) { return prefix.contains(address_.ip); });
}

void Connection::expect_header() {
  phase_ = Phase::heading;
  worker_.arm(*this, worker_.loop().now() + service_->spec.relay.proxy_header_timeout);
  read_header();
  if (phase_ == Phase::heading) client_.watcher.start(client_.fd.get(), Watch::kRead);
}

void Connection::read_header() {
  const std::span<char> room = worker_.scratch().first(kMostProxyHeader);
  const size_t before = aside_ ? aside_->header.size() : 0;
  if (before > 0) std::memcpy(room.data(), aside_->header.data(), before);
  const ssize_t got =
      ::recv(client_.fd.get(), room.data() + before, room.size() - before, MSG_PEEK);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0 && before == 0) {
    // It came and went: somebody's check of the port.
    trace_.ended(observe::EndedBy::client, during());
    return abort();
  }
  if (got <= 0)
    return refuse(Refusal::proxy_header, observe::EndedBy::client, "its PROXY header ends early");

  const size_t there = before + static_cast<size_t>(got);
  const ProxyHeader header = parse_proxy_header(room.first(there));
  if (header.state == ProxyHeader::State::malformed) {
    return refuse(Refusal::proxy_header, observe::EndedBy::client,
                  fmt::format("its PROXY header: {}", header.mistake));
  }
  const bool complete = header.state == ProxyHeader::State::complete;
  const size_t until = complete ? header.length : there;
  // They were there a moment ago: this takes them all.
  ::recv(client_.fd.get(), room.data() + before, until - before, 0);
  if (!complete) {
    aside().header.assign(room.data(), until);
    return;
  }
  client_.watcher.stop();
  worker_.disarm(*this);
  aside_.reset();
  if (header.has_addresses) {
    address_ = header.client;
    aside().destination = header.destination;
  }
  find_server();
}

size_t Connection::write_header(std::span<char> out) {
  const ProxyProtocol version = service_->pool->spec.relay.proxy_protocol;
  if (version == ProxyProtocol::none) return 0;
  Endpoint destination = service_->spec.listen;
  if (aside_ && aside_->destination) {
    destination = *aside_->destination;
  } else if (destination.ip.is_unspecified()) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    if (::getsockname(client_.fd.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0) {
      destination = Endpoint::from_sockaddr(address);
    }
  }
  return write_proxy_header(version, address_, destination, out.first<kProxyHeaderRoom>());
}

}  // namespace hapair::lbcore::relay
