#include "vrrpd/kernel/macvlan.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <utility>

#include <fmt/format.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <sys/socket.h>

namespace hapair::vrrp {

namespace {

constexpr const char* kMark = "hapair virtual router";
constexpr uint32_t kLoose = 2;       // rp_filter: clients are reached through the parent
constexpr uint32_t kOnlyOwn = 1;     // arp_ignore: answers for the interface's own addresses
constexpr uint32_t kBestOwn = 2;     // arp_announce: asks with the interface's own addresses
constexpr uint8_t kNoLinkLocal = 1;  // IN6_ADDR_GEN_MODE_NONE: both nodes would make the same one

struct FreeMessage {
  void operator()(nl_msg* message) const { nlmsg_free(message); }
};
using Message = std::unique_ptr<nl_msg, FreeMessage>;

Message link_message(int type, int flags, const ifinfomsg& body) {
  Message message(nlmsg_alloc_simple(type, NLM_F_REQUEST | flags));
  auto copy = body;
  nlmsg_append(message.get(), &copy, sizeof copy, NLMSG_ALIGNTO);
  return message;
}

std::string done(const Message& message) {
  return bytes_of(nlmsg_hdr(message.get()));
}

/// Opens a nested attribute and ends it with its scope.
class Nest {
 public:
  Nest(const Message& message, int type)
      : message_(message.get()), start_(nla_nest_start(message_, type)) {}
  ~Nest() { nla_nest_end(message_, start_); }
  Nest(const Nest&) = delete;
  Nest& operator=(const Nest&) = delete;

 private:
  nl_msg* message_;
  nlattr* start_;
};

using Setting = std::pair<int, uint32_t>;

/// What sysctl calls net.ipv4.conf.IFACE.*, without a file.
void put_ipv4_settings(const Message& message, std::initializer_list<Setting> settings) {
  const Nest family(message, AF_INET);
  const Nest conf(message, IFLA_INET_CONF);
  for (const auto& [id, value] : settings) nla_put_u32(message.get(), id, value);
}

std::string creation(const Macvlan::Wish& wish) {
  const Message message =
      link_message(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, ifinfomsg{});
  nla_put_string(message.get(), IFLA_IFNAME, wish.name.c_str());
  nla_put_u32(message.get(), IFLA_LINK, static_cast<uint32_t>(wish.parent));
  nla_put(message.get(), IFLA_ADDRESS, static_cast<int>(wish.mac.size()), wish.mac.data());
  {
    const Nest info(message, IFLA_LINKINFO);
    nla_put_string(message.get(), IFLA_INFO_KIND, "macvlan");
    const Nest data(message, IFLA_INFO_DATA);
    nla_put_u32(message.get(), IFLA_MACVLAN_MODE, MACVLAN_MODE_PRIVATE);
  }
  return done(message);
}

std::string marking(int index) {
  ifinfomsg body{};
  body.ifi_index = index;
  const Message message = link_message(RTM_NEWLINK, NLM_F_ACK, body);
  nla_put_string(message.get(), IFLA_IFALIAS, kMark);
  {
    const Nest spec(message, IFLA_AF_SPEC);
    put_ipv4_settings(message,
                      {{IPV4_DEVCONF_RP_FILTER, kLoose}, {IPV4_DEVCONF_ARP_IGNORE, kOnlyOwn}});
    const Nest family(message, AF_INET6);
    nla_put_u8(message.get(), IFLA_INET6_ADDR_GEN_MODE, kNoLinkLocal);
  }
  return done(message);
}

std::string quieting(int parent) {
  ifinfomsg body{};
  body.ifi_index = parent;
  const Message message = link_message(RTM_NEWLINK, NLM_F_ACK, body);
  {
    const Nest spec(message, IFLA_AF_SPEC);
    put_ipv4_settings(message,
                      {{IPV4_DEVCONF_ARP_IGNORE, kOnlyOwn}, {IPV4_DEVCONF_ARP_ANNOUNCE, kBestOwn}});
  }
  return done(message);
}

std::optional<Macvlan::Found> read_link(nlmsghdr* header) {
  std::array<nlattr*, IFLA_MAX + 1> attributes{};
  if (header->nlmsg_type != RTM_NEWLINK ||
      nlmsg_parse(header, sizeof(ifinfomsg), attributes.data(), IFLA_MAX, nullptr) < 0 ||
      attributes[IFLA_IFNAME] == nullptr) {
    return std::nullopt;
  }
  Macvlan::Found out{.index = static_cast<const ifinfomsg*>(nlmsg_data(header))->ifi_index,
                     .name = nla_get_string(attributes[IFLA_IFNAME])};
  const nlattr* alias = attributes[IFLA_IFALIAS];
  out.marked = alias != nullptr && std::string_view(nla_get_string(alias)) == kMark;
  if (const nlattr* link = attributes[IFLA_LINK]; link != nullptr) {
    out.parent = static_cast<int>(nla_get_u32(link));
  }
  const nlattr* mac = attributes[IFLA_ADDRESS];
  if (mac != nullptr && nla_len(mac) == static_cast<int>(out.mac.size())) {
    std::copy_n(static_cast<const uint8_t*>(nla_data(mac)), out.mac.size(), out.mac.begin());
  }
  return out;
}

}  // namespace

Status Macvlan::ask(std::string request, const std::string& attempt) {
  const auto error = socket_.ask(std::move(request), attempt);
  if (!error) return tl::unexpected(error.error());
  if (*error != 0) return fail_system(attempt, *error);
  return {};
}

Result<int> Macvlan::make(const Wish& wish) {
  const auto all = dump();
  if (!all) return tl::unexpected(all.error());
  const auto at = std::ranges::find(*all, wish.name, &Found::name);
  bool there = false;
  if (at != all->end()) {
    there = at->parent == wish.parent && at->mac == wish.mac;
    if (!there && !at->marked) {
      return fail("{} exists and is not vrrpd's; see virtual_mac_interface", wish.name);
    }
    if (!there) {
      if (const Status removed = remove(at->index); !removed) {
        return tl::unexpected(removed.error());
      }
    }
  }
  const std::string attempt = "make " + wish.name;
  if (!there) {
    if (const Status made = ask(creation(wish), attempt); !made) {
      return tl::unexpected(made.error());
    }
  }
  const auto index = static_cast<int>(::if_nametoindex(wish.name.c_str()));
  for (const std::string& request : {marking(index), quieting(wish.parent)}) {
    if (const Status set = ask(request, "set up " + wish.name); !set) {
      return tl::unexpected(set.error());
    }
  }
  return index;
}

Status Macvlan::set_up(int index, bool up) {
  ifinfomsg body{};
  body.ifi_index = index;
  body.ifi_flags = up ? IFF_UP : 0;
  body.ifi_change = IFF_UP;
  return ask(done(link_message(RTM_NEWLINK, NLM_F_ACK, body)),
             fmt::format("set the virtual MAC's interface {}", up ? "up" : "down"));
}

Status Macvlan::remove(int index) {
  ifinfomsg body{};
  body.ifi_index = index;
  const std::string attempt = "remove the virtual MAC's interface";
  const auto error = socket_.ask(done(link_message(RTM_DELLINK, NLM_F_ACK, body)), attempt);
  if (!error) return tl::unexpected(error.error());
  if (*error != 0 && *error != ENODEV) return fail_system(attempt, *error);
  return {};
}

Result<std::vector<Macvlan::Found>> Macvlan::dump() {
  std::vector<Found> out;
  const Status listed = socket_.list(done(link_message(RTM_GETLINK, NLM_F_DUMP, ifinfomsg{})),
                                     "list interfaces", [&](nlmsghdr* header) {
                                       if (auto found = read_link(header))
                                         out.push_back(*std::move(found));
                                     });
  if (!listed) return tl::unexpected(listed.error());
  return out;
}

}  // namespace hapair::vrrp
