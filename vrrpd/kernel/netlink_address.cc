#include "vrrpd/kernel/netlink_address.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <sys/socket.h>

namespace hapair::vrrp {

namespace {

constexpr size_t kReceiveBytes = size_t{32} << 10;
constexpr size_t kPerSend = 64;
constexpr uint32_t kLeaseSeconds =
    static_cast<uint32_t>(std::chrono::duration_cast<std::chrono::seconds>(kAddressLease).count());

struct FreeMessage {
  void operator()(nl_msg* message) const { nlmsg_free(message); }
};
using Message = std::unique_ptr<nl_msg, FreeMessage>;

/// The acknowledgements of one send must fit into the socket's receive buffer. The first failure
/// counts; the rest is tried nevertheless.
template <typename Do>
Status in_parts(std::span<const Prefix> addresses, Do&& what) {
  Status result;
  while (!addresses.empty()) {
    const size_t count = std::min(kPerSend, addresses.size());
    if (const Status done = what(addresses.first(count)); !done && result) result = done;
    addresses = addresses.subspan(count);
  }
  return result;
}

std::string interface_name(int interface) {
  std::array<char, IF_NAMESIZE> name{};
  if (::if_indextoname(static_cast<unsigned>(interface), name.data()) != nullptr)
    return name.data();
  return fmt::format("interface {}", interface);
}

void put_address(nl_msg* message, int attribute, const IpAddress& ip) {
  const auto bytes = ip.bytes();
  nla_put(message, attribute, static_cast<int>(bytes.size()), bytes.data());
}

Message address_message(int type, int flags, uint32_t sequence, int interface,
                        const Prefix& prefix) {
  Message message(nlmsg_alloc_simple(type, flags));
  ifaddrmsg body{};
  body.ifa_family = static_cast<uint8_t>(prefix.ip.family());
  body.ifa_prefixlen = static_cast<uint8_t>(prefix.length);
  body.ifa_index = static_cast<unsigned>(interface);
  nlmsg_append(message.get(), &body, sizeof body, NLMSG_ALIGNTO);
  put_address(message.get(), IFA_LOCAL, prefix.ip);
  put_address(message.get(), IFA_ADDRESS, prefix.ip);
  nlmsg_hdr(message.get())->nlmsg_seq = sequence;
  return message;
}

/// What makes an address a VIP of ours: mark, lease, flags. The same at each renewal.
void put_lease(nl_msg* message, const Prefix& prefix) {
  nla_put_u8(message, IFA_PROTO, kAddressMark);
  const bool v6 = prefix.ip.is_v6();
  const ifa_cacheinfo lease{
      .ifa_prefered = v6 ? 0 : kLeaseSeconds, .ifa_valid = kLeaseSeconds, .cstamp = 0, .tstamp = 0};
  nla_put(message, IFA_CACHEINFO, sizeof lease, &lease);
  if (!v6) return;
  // A host address needs no route to its network, which each renewal would touch.
  const bool host = prefix.length == prefix.ip.bits();
  nla_put_u32(message, IFA_FLAGS, IFA_F_NODAD | (host ? IFA_F_NOPREFIXROUTE : 0));
}

/// IPv4 always names the local address; IPv6 only where there is a peer's address beside it.
std::optional<IpAddress> address_of(const ifaddrmsg& body, const nlattr* local,
                                    const nlattr* address) {
  const nlattr* ours = local != nullptr ? local : address;
  if (ours == nullptr) return std::nullopt;
  const auto* bytes = static_cast<const uint8_t*>(nla_data(ours));
  if (body.ifa_family == AF_INET && nla_len(ours) == 4) {
    return IpAddress::from_bytes(std::span<const uint8_t, 4>(bytes, 4));
  }
  if (body.ifa_family == AF_INET6 && nla_len(ours) == 16) {
    return IpAddress::from_bytes(std::span<const uint8_t, 16>(bytes, 16));
  }
  return std::nullopt;
}

}  // namespace

std::optional<InstalledAddress> read_address(nlmsghdr* message) {
  // libnl 3.7's own address objects do not know IFA_PROTO (Linux 5.18): read the attributes.
  std::array<nlattr*, IFA_PROTO + 1> attributes{};
  if (nlmsg_parse(message, sizeof(ifaddrmsg), attributes.data(), IFA_PROTO, nullptr) < 0) {
    return std::nullopt;
  }
  const auto* body = static_cast<const ifaddrmsg*>(nlmsg_data(message));
  const auto ip = address_of(*body, attributes[IFA_LOCAL], attributes[IFA_ADDRESS]);
  if (!ip) return std::nullopt;
  const nlattr* mark = attributes[IFA_PROTO];
  const nlattr* wide = attributes[IFA_FLAGS];
  const uint32_t flags = wide != nullptr ? nla_get_u32(wide) : body->ifa_flags;
  return InstalledAddress{
      .interface = static_cast<int>(body->ifa_index),
      .prefix = {.ip = *ip, .length = body->ifa_prefixlen},
      .marked = mark != nullptr && nla_len(mark) == 1 && nla_get_u8(mark) == kAddressMark,
      .secondary = (flags & IFA_F_SECONDARY) != 0,
      .tentative = (flags & IFA_F_TENTATIVE) != 0,
      .duplicate = (flags & IFA_F_DADFAILED) != 0};
}

/// Several messages in one buffer, numbered on.
class NetlinkAddress::Batch {
 public:
  explicit Batch(uint32_t first) : first_(first) {}
  void append(const Message& message) {
    const nlmsghdr* header = nlmsg_hdr(message.get());
    const auto* bytes = reinterpret_cast<const char*>(header);  // NOLINT: a message is its bytes
    bytes_.append(bytes, header->nlmsg_len);
    bytes_.resize(NLMSG_ALIGN(bytes_.size()));
    ++count_;
  }
  [[nodiscard]] const std::string& bytes() const { return bytes_; }
  [[nodiscard]] uint32_t first() const { return first_; }
  [[nodiscard]] uint32_t count() const { return count_; }

 private:
  uint32_t first_;
  uint32_t count_ = 0;
  std::string bytes_;
};

NetlinkAddress::NetlinkAddress()
    : fd_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)) {
  if (!fd_) throw_system("open a netlink socket");
  // Acknowledgements need not repeat the message; and the kernel answers before sendmsg returns, so
  // that waiting for an answer longer than this means it will not come.
  const int on = 1;
  ::setsockopt(fd_.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  const timeval limit{.tv_sec = 0, .tv_usec = 200'000};
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}

Status NetlinkAddress::add(int interface, std::span<const Prefix> addresses) {
  return in_parts(addresses, [&](auto part) { return add_some(interface, part); });
}

Status NetlinkAddress::remove(int interface, std::span<const Prefix> addresses) {
  return in_parts(addresses, [&](auto part) { return remove_some(interface, part); });
}

Status NetlinkAddress::add_some(int interface, std::span<const Prefix> addresses) {
  Batch batch(sequence_ + 1);
  for (const Prefix& prefix : addresses) {
    const Message message =
        address_message(RTM_NEWADDR, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE,
                        ++sequence_, interface, prefix);
    put_lease(message.get(), prefix);
    batch.append(message);
  }
  return transact(batch, "add", interface, addresses, 0);
}

Status NetlinkAddress::remove_some(int interface, std::span<const Prefix> addresses) {
  Batch batch(sequence_ + 1);
  for (const Prefix& prefix : addresses) {
    batch.append(
        address_message(RTM_DELADDR, NLM_F_REQUEST | NLM_F_ACK, ++sequence_, interface, prefix));
  }
  return transact(batch, "remove", interface, addresses, EADDRNOTAVAIL);
}

Status NetlinkAddress::transact(const Batch& batch, std::string_view verb, int interface,
                                std::span<const Prefix> addresses, int harmless_error) {
  if (batch.count() == 0) return {};
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  if (::sendto(fd_.get(), batch.bytes().data(), batch.bytes().size(), 0,
               reinterpret_cast<const sockaddr*>(&kernel),  // NOLINT: the socket API's cast
               sizeof kernel) < 0) {
    return fail_system(fmt::format("{} {} addresses: send", verb, interface_name(interface)));
  }
  Status result;
  uint32_t acknowledged = 0;
  alignas(nlmsghdr) std::array<char, kReceiveBytes> buffer;  // NOLINT: filled by recv
  while (acknowledged < batch.count()) {
    const ssize_t got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_system(fmt::format("{} addresses: await the kernel's answer", verb));
    int left = static_cast<int>(got);
    for (auto* header = reinterpret_cast<nlmsghdr*>(buffer.data());  // NOLINT: netlink's layout
         nlmsg_ok(header, left) != 0; header = nlmsg_next(header, &left)) {
      const uint32_t index = header->nlmsg_seq - batch.first();
      if (header->nlmsg_type != NLMSG_ERROR || index >= batch.count())
        continue;  // of an older batch
      ++acknowledged;
      const int error = -static_cast<const nlmsgerr*>(nlmsg_data(header))->error;
      // An interface that is gone took its addresses along.
      const bool harmless =
          error == 0 || error == harmless_error || (harmless_error != 0 && error == ENODEV);
      if (harmless || !result) continue;
      result = fail_system(
          fmt::format("{} {} on {}", verb, addresses[index].to_string(), interface_name(interface)),
          error);
    }
  }
  return result;
}

Result<std::vector<InstalledAddress>> NetlinkAddress::dump() {
  Message request(nlmsg_alloc_simple(RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP));
  ifaddrmsg body{};
  body.ifa_family = AF_UNSPEC;
  nlmsg_append(request.get(), &body, sizeof body, NLMSG_ALIGNTO);
  nlmsg_hdr(request.get())->nlmsg_seq = ++sequence_;
  const nlmsghdr* out = nlmsg_hdr(request.get());
  if (::send(fd_.get(), out, out->nlmsg_len, 0) < 0) return fail_system("list addresses");

  std::vector<InstalledAddress> found;
  alignas(nlmsghdr) std::array<char, kReceiveBytes> buffer;  // NOLINT: filled by recv
  while (true) {
    const ssize_t got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_system("list addresses: await the kernel's answer");
    int left = static_cast<int>(got);
    for (auto* header = reinterpret_cast<nlmsghdr*>(buffer.data());  // NOLINT: netlink's layout
         nlmsg_ok(header, left) != 0; header = nlmsg_next(header, &left)) {
      if (header->nlmsg_seq != sequence_) continue;
      if (header->nlmsg_type == NLMSG_DONE) return found;
      if (header->nlmsg_type == NLMSG_ERROR) {
        return fail_system("list addresses",
                           -static_cast<const nlmsgerr*>(nlmsg_data(header))->error);
      }
      if (header->nlmsg_type != RTM_NEWADDR) continue;
      if (auto address = read_address(header)) found.push_back(*address);
    }
  }
}

Prefix installed_form(const Prefix& vip, std::span<const Prefix> own_addresses) {
  const bool covered = std::any_of(own_addresses.begin(), own_addresses.end(),
                                   [&](const Prefix& own) { return own.contains(vip.ip); });
  const bool host = covered || vip.ip.is_v4();
  return {.ip = vip.ip, .length = host ? vip.ip.bits() : vip.length};
}

}  // namespace hapair::vrrp
