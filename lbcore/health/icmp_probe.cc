#include "lbcore/health/icmp_probe.h"

#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include <netinet/in.h>
#include <sys/socket.h>

#include "common/units.h"
#include "lbcore/health/icmp_echo.h"
#include "lbcore/health/probe_socket.h"

namespace hapair::lbcore::health {

IcmpProbe::IcmpProbe(ProbeTools& tools, const Endpoint& server, const CheckSpec& spec, Done done)
    : Probe(tools, spec, std::move(done)),
      at_{server.ip, 0},
      v6_(server.ip.is_v6()),
      watcher_(tools.loop.raw()) {
  watcher_.set<IcmpProbe, &IcmpProbe::on_readable>(this);
}

void IcmpProbe::release() {
  watcher_.stop();
  fd_.reset();
}

void IcmpProbe::begin() {
  const int protocol = v6_ ? static_cast<int>(IPPROTO_ICMPV6) : static_cast<int>(IPPROTO_ICMP);
  raw_ = false;
  Opening opening = open_probe_socket(at_, spec(), SOCK_DGRAM, protocol);
  if (!opening.fd && (opening.error == EACCES || opening.error == EPERM)) {
    raw_ = true;
    opening = open_probe_socket(at_, spec(), SOCK_RAW, protocol);
  }
  if (!opening.fd && (opening.error == EACCES || opening.error == EPERM)) {
    opening.own = "a ping needs CAP_NET_RAW or net.ipv4.ping_group_range";
  }
  if (!opening.own.empty()) return finish(ProbeCode::sockerr, std::move(opening.own));
  if (opening.error != 0) return failed(opening.error);
  fd_ = std::move(opening.fd);
  // Without it an answer of a router, "host unreachable", would not reach us.
  const int on = 1;
  ::setsockopt(fd_.get(), v6_ ? static_cast<int>(IPPROTO_IPV6) : static_cast<int>(IPPROTO_IP),
               v6_ ? IPV6_RECVERR : IP_RECVERR, &on, sizeof on);
  id_ = static_cast<uint16_t>(random_());
  ++sequence_;
  const std::string request = echo_request(v6_, id_, sequence_);
  if (::send(fd_.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) return failed(errno);
  watcher_.start(fd_.get(), ev::READ);
}

void IcmpProbe::failed(int error) {
  finish(is_environment(error, at_) ? ProbeCode::sockerr : ProbeCode::l4con, reason(error));
}

void IcmpProbe::on_readable(ev::io&, int) {
  std::array<char, 2048> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): only written
  while (running()) {
    const ssize_t count = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return;
    if (count < 0) return failed(errno);
    std::string_view message(buffer.data(), static_cast<size_t>(count));
    if (raw_ && !v6_) message = skip_ip_header(message);
    if (is_echo_reply(v6_, message, id_, raw_, sequence_)) finish(ProbeCode::l4ok, "");
  }
}

void IcmpProbe::out_of_time() {
  finish(ProbeCode::l4tout, "no answer in " + format_duration(spec().timeout));
}

}  // namespace hapair::lbcore::health
