// What the other node is told of a connection: its two ends as the client's system knows them.
#include <algorithm>
#include <utility>

#include <sys/socket.h>

#include "lbcore/relay/connection.h"
#include "lbcore/relay/connection_aside.h"
#include "lbcore/relay/worker.h"

namespace hapair::lbcore::relay {

namespace {

Endpoint remote_endpoint(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  return Endpoint::from_sockaddr(address);
}

}  // namespace

void Connection::tell_open() {
  if (!told_) tell_client_side();
  if (told_port_ == 0) tell_server_side();
}

void Connection::tell_client_side() {
  if (!client_.fd) return;
  // Two that are not known without asking, and no longer once the socket is closed.
  const bool any_address = service_->spec.listen.ip.is_unspecified();
  const bool behind_proxy = !service_->spec.relay.proxy_from.empty();
  if (any_address || behind_proxy) {
    const orphans::Ends ends{.ours = local_endpoint(client_.fd.get()),
                             .theirs = remote_endpoint(client_.fd.get())};
    if (ends.ours.port == 0 || ends.theirs.port == 0) return;
    aside().ends = ends;
  }
  const orphans::Ends ends = told_ends();
  // The other node would have to know the interface as well.
  if (ends.theirs.ip.is_link_local()) return;
  told_ = true;
  worker_.long_lived().changed(ends, true);
}

/// Where it has a floating source address, the server can be told as well.
void Connection::tell_server_side() {
  const auto& sources = service_->pool->spec.relay.source;
  if (sources.empty() || !trace_.is_connected() || !server_.fd) return;
  const Endpoint own = local_endpoint(server_.fd.get());
  const auto source = std::ranges::find(sources, own.ip) - sources.begin();
  if (static_cast<size_t>(source) == sources.size() || source > UINT8_MAX) return;
  told_source_ = static_cast<uint8_t>(source);
  told_port_ = own.port;
  worker_.long_lived().changed(told_server_ends(), true);
}

orphans::Ends Connection::told_ends() const {
  if (aside_ && aside_->ends) return *aside_->ends;
  return {.ours = service_->spec.listen, .theirs = address_};
}

orphans::Ends Connection::told_server_ends() const {
  return {.ours = {service_->pool->spec.relay.source[told_source_], told_port_},
          .theirs = server_live_->address};
}

void Connection::tell_over() {
  if (std::exchange(told_, false)) worker_.long_lived().changed(told_ends(), false);
  if (told_port_ == 0) return;
  worker_.long_lived().changed(told_server_ends(), false);
  told_port_ = 0;
}

}  // namespace hapair::lbcore::relay
