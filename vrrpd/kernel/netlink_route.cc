#include "vrrpd/kernel/netlink_route.h"

#include <array>
#include <cerrno>
#include <memory>
#include <utility>

#include <fmt/format.h>
#include <linux/filter.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <sys/socket.h>

namespace hapair::vrrp {

namespace {

struct FreeMessage {
  void operator()(nl_msg* message) const { nlmsg_free(message); }
};
using Message = std::unique_ptr<nl_msg, FreeMessage>;

void put_address(nl_msg* message, int attribute, const IpAddress& ip) {
  const auto bytes = ip.bytes();
  nla_put(message, attribute, static_cast<int>(bytes.size()), bytes.data());
}

std::string route_request(int type, int flags, const VirtualRoute& route) {
  const Message message(nlmsg_alloc_simple(type, NLM_F_REQUEST | NLM_F_ACK | flags));
  rtmsg body{};
  body.rtm_family = static_cast<uint8_t>(route.to.ip.family());
  body.rtm_dst_len = static_cast<uint8_t>(route.to.length);
  body.rtm_table = static_cast<uint8_t>(route.table < 256 ? route.table : 0);
  body.rtm_protocol = kRouteMark;
  body.rtm_scope = route.via || route.to.ip.is_v6() ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
  body.rtm_type = RTN_UNICAST;
  nlmsg_append(message.get(), &body, sizeof body, NLMSG_ALIGNTO);
  if (route.to.length > 0) put_address(message.get(), RTA_DST, route.to.ip);
  if (route.via) put_address(message.get(), RTA_GATEWAY, *route.via);
  if (route.src) put_address(message.get(), RTA_PREFSRC, *route.src);
  if (!route.dev.empty()) {
    nla_put_u32(message.get(), RTA_OIF, ::if_nametoindex(route.dev.c_str()));
  }
  if (route.metric != 0) nla_put_u32(message.get(), RTA_PRIORITY, route.metric);
  nla_put_u32(message.get(), RTA_TABLE, route.table);
  return bytes_of(nlmsg_hdr(message.get()));
}

bool names_missing_device(const VirtualRoute& route) {
  return !route.dev.empty() && ::if_nametoindex(route.dev.c_str()) == 0;
}

}  // namespace

Result<int> NetlinkRoute::add(std::span<const VirtualRoute> routes) {
  int added = 0;
  Status result;
  for (const VirtualRoute& route : routes) {
    const std::string attempt = "add route " + route.to_string();
    if (names_missing_device(route)) {
      if (result) result = fail_system(attempt, ENODEV);
      continue;
    }
    // Without NLM_F_EXCL and NLM_F_REPLACE: in front of somebody else's, never in its place.
    const auto error = socket_.ask(route_request(RTM_NEWROUTE, NLM_F_CREATE, route), attempt);
    if (!error) return tl::unexpected(error.error());
    if (*error == 0) ++added;
    if (*error != 0 && *error != EEXIST && result) result = fail_system(attempt, *error);
  }
  if (!result) return tl::unexpected(result.error());
  return added;
}

Status NetlinkRoute::remove(std::span<const VirtualRoute> routes) {
  Status result;
  for (const VirtualRoute& route : routes) {
    if (names_missing_device(route)) continue;  // and took its routes along
    if (const Status sent = send(removal(route)); !sent && result) result = sent;
  }
  return result;
}

std::string NetlinkRoute::removal(const VirtualRoute& route) {
  return route_request(RTM_DELROUTE, 0, route);
}

Status NetlinkRoute::send(std::string_view request) {
  const auto error = socket_.ask(std::string(request), "remove a route");
  if (!error) return tl::unexpected(error.error());
  if (*error != 0 && *error != ESRCH && *error != ENODEV && *error != ENETUNREACH) {
    return fail_system("remove a route", *error);
  }
  return {};
}

Result<int> NetlinkRoute::remove_marked() {
  std::vector<std::string> removals;
  for (const int family : {AF_INET, AF_INET6}) {
    const Message request(nlmsg_alloc_simple(RTM_GETROUTE, NLM_F_REQUEST | NLM_F_DUMP));
    rtmsg body{};
    body.rtm_family = static_cast<uint8_t>(family);
    nlmsg_append(request.get(), &body, sizeof body, NLMSG_ALIGNTO);
    const Status listed =
        socket_.list(bytes_of(nlmsg_hdr(request.get())), "list routes", [&](nlmsghdr* header) {
          if (header->nlmsg_type != RTM_NEWROUTE) return;
          if (static_cast<const rtmsg*>(nlmsg_data(header))->rtm_protocol != kRouteMark) return;
          header->nlmsg_type = RTM_DELROUTE;
          header->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
          removals.push_back(bytes_of(header));
        });
    if (!listed) return tl::unexpected(listed.error());
  }
  for (const std::string& removal : removals) {
    if (const Status removed = send(removal); !removed) return tl::unexpected(removed.error());
  }
  return static_cast<int>(removals.size());
}

// --- Who removed one -----------------------------------------------------------------------------

RouteWatch::RouteWatch(EventLoop& loop, std::function<void()> on_removed)
    : fd_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)),
      on_removed_(std::move(on_removed)),
      watcher_(loop.raw()) {
  if (!fd_) throw_system("open a netlink socket");
  // A router with a whole routing table would keep the heartbeat busy with news of others' routes.
  constexpr uint32_t kTypeAt = offsetof(nlmsghdr, nlmsg_type);
  constexpr uint32_t kProtocolAt = NLMSG_HDRLEN + offsetof(rtmsg, rtm_protocol);
  std::array<sock_filter, 6> program{{
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, kTypeAt),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_DELROUTE), 0, 3),
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kProtocolAt),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kRouteMark, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0xffffffffU),
      BPF_STMT(BPF_RET | BPF_K, 0),
  }};
  const sock_fprog filter{.len = program.size(), .filter = program.data()};
  sockaddr_nl own{};
  own.nl_family = AF_NETLINK;
  own.nl_groups = RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;
  if (::setsockopt(fd_.get(), SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) != 0 ||
      ::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0) {  // NOLINT
    throw_system("listen to route changes");
  }
  watcher_.set<RouteWatch, &RouteWatch::on_readable>(this);
  watcher_.start(fd_.get(), ev::READ);
}

void RouteWatch::on_readable(ev::io&, int) {
  std::array<char, 4096> news;  // NOLINT: filled by recv; that there is any is all we want to know
  while (::recv(fd_.get(), news.data(), news.size(), MSG_DONTWAIT) > 0 || errno == ENOBUFS) {
    if (errno == ENOBUFS) errno = 0;
  }
  on_removed_();
}

}  // namespace hapair::vrrp
