#include "vrrpd/kernel/link_monitor.h"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <sys/socket.h>

#include "vrrpd/kernel/netlink_address.h"

namespace hapair::vrrp {

namespace {

constexpr size_t kReceiveBytes = size_t{64} << 10;
constexpr int kSocketBuffer = 1 << 20;
constexpr int kBatchesPerWakeup = 16;  // the heartbeat shares this loop
constexpr unsigned kLowerUp =
    1U << 16;  // IFF_LOWER_UP; <linux/if.h> and <net/if.h> do not go together

}  // namespace

std::vector<Prefix> Interface::native() const {
  std::vector<Prefix> out;
  for (const OwnAddress& own : addresses) {
    if (!own.marked) out.push_back(own.prefix);
  }
  return out;
}

LinkMonitor::LinkMonitor(EventLoop& loop, Logger& log, Handlers handlers)
    : log_(log),
      handlers_(std::move(handlers)),
      fd_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE)),
      watcher_(loop.raw()) {
  if (!fd_) throw_system("open a netlink socket");
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &kSocketBuffer, sizeof kSocketBuffer);
  sockaddr_nl own{};
  own.nl_family = AF_NETLINK;
  own.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
  const auto* address = reinterpret_cast<const sockaddr*>(&own);  // NOLINT: the socket API's cast
  if (::bind(fd_.get(), address, sizeof own) != 0) throw_system("listen to link changes");
  watcher_.set<LinkMonitor, &LinkMonitor::on_readable>(this);
  watcher_.start(fd_.get(), ev::READ);
  request(Dump::links);
}

const Interface* LinkMonitor::find(std::string_view name) const {
  for (const auto& [index, entry] : entries_) {
    if (entry.interface.name == name) return &entry.interface;
  }
  return nullptr;
}

void LinkMonitor::request(Dump what) {
  struct {
    nlmsghdr header;
    rtgenmsg body;
  } message{};
  message.header.nlmsg_len = NLMSG_LENGTH(sizeof message.body);
  message.header.nlmsg_type = what == Dump::links ? RTM_GETLINK : RTM_GETADDR;
  message.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  message.header.nlmsg_seq = ++sequence_;
  message.body.rtgen_family = AF_UNSPEC;
  if (what == Dump::links) {
    ++generation_;
    interrupted_ = false;
  }
  dump_ = what;
  if (::send(fd_.get(), &message, message.header.nlmsg_len, 0) < 0) {
    log_.environment("link", "{}", system_error("ask the kernel for its interfaces").message);
    dump_ = Dump::none;
  }
}

void LinkMonitor::on_readable(ev::io&, int) {
  alignas(nlmsghdr) std::array<char, kReceiveBytes> buffer;  // NOLINT: filled by recv
  for (int i = 0; i < kBatchesPerWakeup; ++i) {
    const ssize_t got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == ENOBUFS) {
      log_.environment("link", "notifications were lost: asks for everything again");
      request(Dump::links);
      continue;
    }
    if (got <= 0) break;
    int left = static_cast<int>(got);
    for (auto* header = reinterpret_cast<nlmsghdr*>(buffer.data());  // NOLINT: netlink's layout
         nlmsg_ok(header, left) != 0; header = nlmsg_next(header, &left)) {
      handle(header);
    }
  }
  if (synced_ && std::exchange(changed_, false)) handlers_.on_change();
}

void LinkMonitor::handle(nlmsghdr* header) {
  const bool of_dump = dump_ != Dump::none && header->nlmsg_seq == sequence_ &&
                       (header->nlmsg_flags & NLM_F_MULTI) != 0;
  if (of_dump && (header->nlmsg_flags & NLM_F_DUMP_INTR) != 0) interrupted_ = true;
  switch (header->nlmsg_type) {
    case RTM_NEWLINK:
      return handle_link(header, false);
    case RTM_DELLINK:
      return handle_link(header, true);
    case RTM_NEWADDR:
      return handle_address(header, false);
    case RTM_DELADDR:
      return handle_address(header, true);
    case NLMSG_DONE:
      if (of_dump) dump_done();
      return;
    case NLMSG_ERROR:
      if (dump_ == Dump::none || header->nlmsg_seq != sequence_) return;
      request(Dump::links);  // EBUSY: another dump of ours was under way
      return;
    default:
      return;
  }
}

void LinkMonitor::handle_link(nlmsghdr* header, bool gone) {
  std::array<nlattr*, IFLA_MAX + 1> attributes{};
  if (nlmsg_parse(header, sizeof(ifinfomsg), attributes.data(), IFLA_MAX, nullptr) < 0) return;
  const auto* body = static_cast<const ifinfomsg*>(nlmsg_data(header));
  if (body->ifi_family != AF_UNSPEC) return;  // a bridge port's news about itself
  if (gone) {
    changed_ |= entries_.erase(body->ifi_index) > 0;
    return;
  }
  Entry& entry = entries_[body->ifi_index];
  entry.seen = generation_;
  const Interface before = entry.interface;
  Interface& now = entry.interface;
  now.index = body->ifi_index;
  if (const nlattr* name = attributes[IFLA_IFNAME]; name != nullptr) {
    now.name = nla_get_string(name);
  }
  now.up = (body->ifi_flags & IFF_UP) != 0;
  now.carrier = (body->ifi_flags & kLowerUp) != 0;
  const nlattr* mac = attributes[IFLA_ADDRESS];
  if (mac != nullptr && nla_len(mac) == static_cast<int>(now.mac.size())) {
    std::copy_n(static_cast<const uint8_t*>(nla_data(mac)), now.mac.size(), now.mac.begin());
  }
  changed_ |= now != before;
}

void LinkMonitor::handle_address(nlmsghdr* header, bool gone) {
  const auto message = read_address(header);
  if (!message) return;
  const int index = message->interface;
  const auto entry = entries_.find(index);
  if (entry == entries_.end()) return;
  auto& addresses = entry->second.interface.addresses;
  auto& seen = entry->second.address_seen;
  const auto at = std::find_if(addresses.begin(), addresses.end(), [&](const OwnAddress& own) {
    return own.prefix == message->prefix;
  });
  if (gone) {
    if (at == addresses.end()) return;
    seen.erase(seen.begin() + (at - addresses.begin()));
    addresses.erase(at);
    changed_ = true;
    handlers_.on_address_removed(index, message->prefix.ip);
    return;
  }
  const OwnAddress own{.prefix = message->prefix,
                       .marked = message->marked,
                       .secondary = message->secondary,
                       .tentative = message->tentative,
                       .duplicate = message->duplicate};
  if (at == addresses.end()) {
    addresses.push_back(own);
    seen.push_back(generation_);
    changed_ = true;
    return;
  }
  changed_ |= *at != own;
  *at = own;
  seen[static_cast<size_t>(at - addresses.begin())] = generation_;
}

void LinkMonitor::dump_done() {
  if (interrupted_) return request(Dump::links);
  if (dump_ == Dump::links) return request(Dump::addresses);
  dump_ = Dump::none;
  // What no message of this dump, or since its beginning, mentioned does not exist any more.
  changed_ |=
      std::erase_if(entries_, [&](auto& item) { return item.second.seen != generation_; }) > 0;
  for (auto& [index, entry] : entries_) {
    auto& addresses = entry.interface.addresses;
    for (size_t i = addresses.size(); i-- > 0;) {
      if (entry.address_seen[i] == generation_) continue;
      const IpAddress ip = addresses[i].prefix.ip;
      addresses.erase(addresses.begin() + static_cast<std::ptrdiff_t>(i));
      entry.address_seen.erase(entry.address_seen.begin() + static_cast<std::ptrdiff_t>(i));
      changed_ = true;
      handlers_.on_address_removed(index, ip);
    }
  }
  if (!std::exchange(synced_, true)) changed_ = true;
}

}  // namespace hapair::vrrp
