#include "tests/support/prober.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <sstream>
#include <stdexcept>
#include <utility>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/if_ether.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "common/address.h"
#include "common/result.h"

namespace hapair::test {

namespace {

constexpr Duration kStopCheck = 50ms;

sockaddr_in ipv4(const std::string& address, uint16_t port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(port);
  if (::inet_pton(AF_INET, address.c_str(), &out.sin_addr) != 1) {
    throw std::invalid_argument(address + " is not an IPv4 address");
  }
  return out;
}

Endpoint endpoint(const std::string& address, uint16_t port) {
  const auto ip = IpAddress::parse(address);
  if (!ip) throw std::invalid_argument(ip.error().message);
  return {.ip = *ip, .port = port};
}

UniqueFd open_socket(const Namespace& in, int family, int type, int protocol = 0) {
  return in.run([&] {
    UniqueFd fd(::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
    if (!fd) throw_system("create a socket in " + in.name());
    return fd;
  });
}

// Sleeps until something is readable or `until`; microseconds count, so not poll().
bool wait_readable(int fd, TimePoint until) {
  pollfd readable{.fd = fd, .events = POLLIN, .revents = 0};
  const auto left = std::max<int64_t>(0, (until - Clock::now()) / 1ns);
  const timespec timeout{.tv_sec = left / 1'000'000'000, .tv_nsec = left % 1'000'000'000};
  return ::ppoll(&readable, 1, &timeout, nullptr) > 0;
}

void be_punctual() {
  ::prctl(PR_SET_TIMERSLACK, 1UL);
}

}  // namespace

Responder::Responder(const Namespace& in, std::string name, int family, uint16_t port)
    : name_(std::move(name)),
      socket_(open_socket(in, family, SOCK_DGRAM)),
      listener_(open_socket(in, family, SOCK_STREAM)) {
  const int on = 1;
  const bool v6 = family == AF_INET6;
  ::setsockopt(socket_.get(), IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
  ::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (v6) ::setsockopt(socket_.get(), IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
  sockaddr_storage any{};
  const socklen_t length = endpoint(v6 ? "::" : "0.0.0.0", port).to_sockaddr(any);
  for (const UniqueFd* socket : {&socket_, &listener_}) {
    // Both families have a responder of their own on this port.
    if (v6) ::setsockopt(socket->get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (::bind(socket->get(), reinterpret_cast<const sockaddr*>(&any), length) != 0) {
      throw_system(fmt::format("bind a responder to port {}", port));
    }
  }
  if (::listen(listener_.get(), SOMAXCONN) != 0) throw_system("listen for connections");
  thread_ = std::jthread([this](const std::stop_token& stop) { answer(stop); });
  acceptor_ = std::jthread([this](const std::stop_token& stop) { accept(stop); });
}

void Responder::accept(const std::stop_token& stop) const {
  while (!stop.stop_requested()) {
    if (!wait_readable(listener_.get(), Clock::now() + kStopCheck)) continue;
    const UniqueFd taken(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  }
}

void Responder::answer(const std::stop_token& stop) const {
  while (!stop.stop_requested()) {
    if (!wait_readable(socket_.get(), Clock::now() + kStopCheck)) continue;
    std::array<char, 64> payload{};
    std::array<char, 64> control{};
    sockaddr_storage from{};
    iovec data{.iov_base = payload.data(), .iov_len = sizeof(uint64_t)};
    msghdr message{};
    message.msg_name = &from;
    message.msg_namelen = sizeof from;
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    if (::recvmsg(socket_.get(), &message, 0) != sizeof(uint64_t)) continue;
    // The same control message sends the answer from the address that was asked; in IPv6 as it is.
    for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
         part = CMSG_NXTHDR(&message, part)) {
      if (part->cmsg_level != IPPROTO_IP || part->cmsg_type != IP_PKTINFO) continue;
      auto* info = reinterpret_cast<in_pktinfo*>(CMSG_DATA(part));
      info->ipi_ifindex = 0;
      info->ipi_spec_dst = info->ipi_addr;
    }
    const size_t length = name_.copy(payload.data() + sizeof(uint64_t), 48);
    data.iov_len = sizeof(uint64_t) + length;
    ::sendmsg(socket_.get(), &message,
              0);  // fails when the address has just gone: so does the answer
  }
}

UdpProber::UdpProber(const Namespace& from, const std::string& target, Duration interval,
                     uint16_t port)
    : socket_(open_socket(from, endpoint(target, port).ip.family(), SOCK_DGRAM)) {
  sockaddr_storage to{};
  const socklen_t length = endpoint(target, port).to_sockaddr(to);
  if (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&to), length) != 0) {
    throw_system("aim probes at " + target);
  }
  thread_ = std::jthread([this, interval](const std::stop_token& stop) { probe(stop, interval); });
}

void UdpProber::probe(const std::stop_token& stop, Duration interval) {
  be_punctual();
  TimePoint next = Clock::now();
  for (uint64_t number = 0; !stop.stop_requested(); ++number) {
    log_.sent(number, Clock::now());
    ::send(socket_.get(), &number, sizeof number, MSG_NOSIGNAL);
    next = std::max(next + interval, Clock::now());  // after a stall: no burst
    while (Clock::now() < next) {
      if (!wait_readable(socket_.get(), next)) break;
      std::array<char, 64> answer{};
      const ssize_t got = ::recv(socket_.get(), answer.data(), answer.size(), 0);
      if (got < static_cast<ssize_t>(sizeof number))
        continue;  // a queued ICMP error, e.g. port unreachable
      uint64_t asked = 0;
      std::memcpy(&asked, answer.data(), sizeof asked);
      const size_t name_length = static_cast<size_t>(got) - sizeof asked;
      log_.answered(asked, Clock::now(), {answer.data() + sizeof asked, name_length});
    }
  }
}

TcpProber::TcpProber(const Namespace& from, const std::string& target, uint16_t port,
                     Duration interval, Duration deadline)
    : thread_([this, &from, target, port, interval, deadline](const std::stop_token& stop) {
        probe(stop, from, target, port, interval, deadline);
      }) {}

void TcpProber::probe(const std::stop_token& stop, const Namespace& from, const std::string& target,
                      uint16_t port, Duration interval, Duration deadline) {
  from.enter();
  be_punctual();
  struct Attempt {
    uint64_t number;
    UniqueFd fd;
    TimePoint deadline;
  };
  std::deque<Attempt> attempts;
  std::vector<pollfd> polled;
  const sockaddr_in to = ipv4(target, port);
  const linger reset{.l_onoff = 1, .l_linger = 0};  // no TIME_WAIT for thousands of probes
  TimePoint next = Clock::now();
  for (uint64_t number = 0; !stop.stop_requested(); ++number) {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    log_.sent(number, Clock::now());
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0 ||
        errno == EINPROGRESS) {
      attempts.push_back(
          {.number = number, .fd = std::move(fd), .deadline = Clock::now() + deadline});
    }
    next = std::max(next + interval, Clock::now());
    while (Clock::now() < next) {
      polled.clear();
      for (const Attempt& attempt : attempts) {
        polled.push_back({.fd = attempt.fd.get(), .events = POLLOUT, .revents = 0});
      }
      const auto left = std::max<int64_t>(0, (next - Clock::now()) / 1ns);
      const timespec timeout{.tv_sec = 0, .tv_nsec = left};
      if (::ppoll(polled.data(), polled.size(), &timeout, nullptr) <= 0) break;
      for (size_t i = 0; i < polled.size(); ++i) {
        if (polled[i].revents == 0) continue;
        int error = 0;
        socklen_t length = sizeof error;
        ::getsockopt(polled[i].fd, SOL_SOCKET, SO_ERROR, &error, &length);
        if (error == 0) log_.answered(attempts[i].number, Clock::now(), "tcp");
        if (error == ECONNREFUSED) ++refused_;
        attempts[i].fd.reset();
      }
      std::erase_if(attempts, [](const Attempt& attempt) { return !attempt.fd.valid(); });
    }
    while (!attempts.empty() && attempts.front().deadline < Clock::now()) attempts.pop_front();
  }
}

ArpProber::ArpProber(const Namespace& from, const std::string& interface, const std::string& target,
                     std::map<std::string, std::string> names, Duration interval)
    : names_(std::move(names)), socket_(open_socket(from, AF_PACKET, SOCK_RAW, htons(ETH_P_ARP))) {
  sockaddr_ll own{};
  own.sll_family = AF_PACKET;
  own.sll_protocol = htons(ETH_P_ARP);
  own.sll_ifindex = static_cast<int>(from.run([&] { return ::if_nametoindex(interface.c_str()); }));
  if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0) {
    throw_system("watch ARP on " + interface);
  }
  ether_arp arp{};
  arp.ea_hdr = {.ar_hrd = htons(ARPHRD_ETHER),
                .ar_pro = htons(ETHERTYPE_IP),
                .ar_hln = 6,
                .ar_pln = 4,
                .ar_op = htons(ARPOP_REQUEST)};
  std::istringstream mac(from.mac(interface));
  for (uint8_t& byte : arp.arp_sha) {
    std::string digits;
    std::getline(mac, digits, ':');
    byte = static_cast<uint8_t>(std::stoul(digits, nullptr, 16));
  }
  target_ = ipv4(target, 0).sin_addr.s_addr;
  std::memcpy(arp.arp_tpa, &target_,
              sizeof target_);  // sender 0.0.0.0: a probe, nobody learns from it

  ether_header header{};
  std::memset(header.ether_dhost, 0xff, sizeof header.ether_dhost);
  std::memcpy(header.ether_shost, arp.arp_sha, sizeof header.ether_shost);
  header.ether_type = htons(ETHERTYPE_ARP);
  request_.resize(sizeof header + sizeof arp);
  std::memcpy(request_.data(), &header, sizeof header);
  std::memcpy(request_.data() + sizeof header, &arp, sizeof arp);
  thread_ = std::jthread([this, interval](const std::stop_token& stop) { probe(stop, interval); });
}

void ArpProber::probe(const std::stop_token& stop, Duration interval) {
  be_punctual();
  TimePoint next = Clock::now();
  for (uint64_t number = 0; !stop.stop_requested(); ++number) {
    log_.sent(number, Clock::now());
    ::send(socket_.get(), request_.data(), request_.size(), MSG_NOSIGNAL);
    next = std::max(next + interval, Clock::now());
    while (Clock::now() < next) {
      if (!wait_readable(socket_.get(), next)) break;
      std::array<uint8_t, 128> frame{};
      const ssize_t got = ::recv(socket_.get(), frame.data(), frame.size(), 0);
      if (got < static_cast<ssize_t>(sizeof(ether_header) + sizeof(ether_arp))) continue;
      ether_arp arp{};
      std::memcpy(&arp, frame.data() + sizeof(ether_header), sizeof arp);
      const bool ours = std::memcmp(arp.arp_tha, request_.data() + ETH_ALEN, ETH_ALEN) == 0;
      if (arp.ea_hdr.ar_op != htons(ARPOP_REPLY) || !ours ||
          std::memcmp(arp.arp_spa, &target_, sizeof target_) != 0) {
        continue;  // an announcement, or somebody else's conversation
      }
      const std::string mac = fmt::format("{:02x}", fmt::join(arp.arp_sha, ":"));
      const auto named = names_.find(mac);
      log_.answered(number, Clock::now(), named != names_.end() ? named->second : mac);
    }
  }
}

}  // namespace hapair::test
