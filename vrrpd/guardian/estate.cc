#include "vrrpd/guardian/estate.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <sys/socket.h>

#include "common/unique_fd.h"

namespace hapair::vrrp {

namespace {

AdvSocket open_sender() {
  auto socket = AdvSocket::open_for_sending(AF_INET);
  if (!socket) throw std::runtime_error(socket.error().message);
  return std::move(*socket);
}

std::optional<AdvSocket> open_sender_v6() {
  auto socket = AdvSocket::open_for_sending(AF_INET6);
  if (!socket) return std::nullopt;
  return std::move(*socket);
}

std::span<const uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};  // NOLINT: bytes
}

std::optional<IpAddress> address_of(const std::string& text) {
  const auto bytes = bytes_of(text);
  if (bytes.size() == 4) return IpAddress::from_bytes(bytes.first<4>());
  if (bytes.size() == 16) return IpAddress::from_bytes(bytes.first<16>());
  return std::nullopt;
}

void collect(const testament::Router& router, Addresses& out) {
  for (const testament::Address& address : router.addresses()) {
    const auto ip = address_of(address.ip());
    if (!ip) continue;
    out[address.interface()].push_back({.ip = *ip, .length = static_cast<int>(address.length())});
  }
}

}  // namespace

Estate::Estate(SharedState& shared)
    : shared_(shared), socket_v4_(open_sender()), socket_v6_(open_sender_v6()) {}

const testament::Testament& Estate::read() {
  const uint64_t number = shared_.published();
  if (number == known_) return testament_;
  known_ = number;
  testament::Testament next;
  const auto text = shared_.snapshot();
  // What cannot be read is no reason to forget what was known before.
  if (text && next.ParseFromString(*text)) testament_ = std::move(next);
  return testament_;
}

/// The VIPs of every router that holds them and has spoken lately. Silent for longer than its peer
/// waits, it does not know whether it is Active still.
Addresses Estate::held(TimePoint now) {
  Addresses out;
  for (const testament::Router& router : read().routers()) {
    if (router.cell() >= kMostRouters) continue;
    const RouterCell& cell = shared_.board().cells[router.cell()];
    if (!cell.holds.load()) continue;
    if (now - cell.last_sent.get() > Duration(router.down_interval_ns())) continue;
    collect(router, out);
  }
  return out;
}

std::vector<std::string> Estate::renew(TimePoint now) {
  std::vector<std::string> failures;
  const Addresses before = held(now);
  for (const auto& [interface, addresses] : before) {
    const Status renewed = kernel_.add(interface, addresses);
    if (!renewed) failures.push_back(renewed.error().message);
  }
  // The kernel knows no renewal that does not add: what the speaker took away meanwhile is back.
  const Addresses after = held(now);
  for (const auto& [interface, addresses] : before) {
    std::vector<Prefix> gone = addresses;
    if (const auto still = after.find(interface); still != after.end()) {
      std::erase_if(gone, [&](const Prefix& address) {
        return std::find(still->second.begin(), still->second.end(), address) !=
               still->second.end();
      });
    }
    if (!gone.empty()) (void)kernel_.remove(interface, gone);
  }
  return failures;
}

Estate::Burial Estate::bury() {
  Burial out;
  read();
  remove(out);
  resign(out);
  Board& board = shared_.board();
  for (RouterCell& cell : board.cells) {
    if (cell.holds.load()) cell.holds.store(false);
  }
  board.fastest.store(0);
  (void)shared_.publish({});
  known_ = shared_.published();  // the addresses are kept here, should they have to go again
  for (testament::Router& router : *testament_.mutable_routers()) router.clear_resigns();
  return out;
}

void Estate::remove(Burial& burial) {
  Addresses all;
  for (const testament::Router& router : testament_.routers()) {
    collect(router, all);
    for (const std::string& request : router.first()) {
      if (const Status done = routes_.send(request); !done) {
        burial.failures.push_back(done.error().message);
      }
    }
  }
  for (const auto& [interface, addresses] : all) {
    const Status removed = kernel_.remove(interface, addresses);
    if (!removed) burial.failures.push_back(removed.error().message);
    burial.addresses += addresses.size();
  }
}

void Estate::resign(Burial& burial) {
  for (const testament::Router& router : testament_.routers()) {
    for (const testament::Frame& frame : router.resigns()) {
      const Status sent = send(frame);
      if (!sent) burial.failures.push_back(sent.error().message);
      ++burial.resigns;
    }
  }
}

Status Estate::send(const testament::Frame& frame) const {
  const auto source = address_of(frame.source());
  const auto destination = address_of(frame.destination());
  if (!source || !destination || source->family() != destination->family()) {
    return fail("a resign without addresses");
  }
  if (frame.kind() == testament::Frame::UDP) {
    return send_udp({.ip = *source, .port = static_cast<uint16_t>(frame.source_port())},
                    {.ip = *destination, .port = static_cast<uint16_t>(frame.port())},
                    bytes_of(frame.payload()));
  }
  const AdvSocket* socket = source->is_v4() ? &socket_v4_ : socket_v6_ ? &*socket_v6_ : nullptr;
  if (socket == nullptr) return fail("a resign to {}: no IPv6 here", destination->to_string());
  return socket->send(frame.interface(), *source, *destination, bytes_of(frame.payload()));
}

/// From the port of the pair path, which the speaker's own socket may still have: its last thread
/// may be going.
Status Estate::send_udp(const Endpoint& source, const Endpoint& destination,
                        std::span<const uint8_t> payload) {
  const std::string attempt = "resign on the pair path to " + destination.to_string();
  const UniqueFd fd(::socket(source.ip.family(), SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return fail_system(attempt);
  sockaddr_storage from{};
  sockaddr_storage to{};
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const socklen_t from_length = source.to_sockaddr(from);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&from), from_length) != 0) {  // NOLINT
    return fail_system(attempt);
  }
  const socklen_t to_length = destination.to_sockaddr(to);
  if (::sendto(fd.get(), payload.data(), payload.size(), 0, reinterpret_cast<const sockaddr*>(&to),
               to_length) < 0) {  // NOLINT: the API's cast
    return fail_system(attempt);
  }
  return {};
}

}  // namespace hapair::vrrp
