#include "common/address.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <xxhash.h>

namespace hapair {

namespace {

Result<uint16_t> parse_port(std::string_view text) {
  uint32_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port > 65535) {
    return fail("'{}' is no port; valid: 0 to 65535", text);
  }
  return static_cast<uint16_t>(port);
}

}  // namespace

IpAddress IpAddress::v4(uint32_t host_order) {
  const std::array<uint8_t, 4> bytes{
      static_cast<uint8_t>(host_order >> 24), static_cast<uint8_t>(host_order >> 16),
      static_cast<uint8_t>(host_order >> 8), static_cast<uint8_t>(host_order)};
  return from_bytes(std::span<const uint8_t, 4>(bytes));
}

IpAddress IpAddress::from_bytes(std::span<const uint8_t, 4> bytes) {
  IpAddress address;
  std::ranges::copy(bytes, address.bytes_.begin());
  return address;
}

IpAddress IpAddress::from_bytes(std::span<const uint8_t, 16> bytes) {
  IpAddress address;
  address.family_ = AF_INET6;
  std::ranges::copy(bytes, address.bytes_.begin());
  return address;
}

Result<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string terminated(text);
  std::array<uint8_t, 16> bytes{};
  // inet_pton would not see what follows a zero byte.
  if (text.find('\0') != std::string_view::npos) return fail("a zero byte is in an address");
  if (text.find(':') == std::string_view::npos) {
    if (::inet_pton(AF_INET, terminated.c_str(), bytes.data()) == 1) {
      return from_bytes(std::span<const uint8_t, 4>(bytes.data(), 4));
    }
  } else if (::inet_pton(AF_INET6, terminated.c_str(), bytes.data()) == 1) {
    return from_bytes(std::span<const uint8_t, 16>(bytes));
  }
  return fail("'{}' is no IP address; valid: 10.0.0.1 or 2001:db8::1", text);
}

bool IpAddress::is_multicast() const {
  return is_v4() ? (bytes_[0] & 0xf0) == 0xe0 : bytes_[0] == 0xff;
}

bool IpAddress::is_link_local() const {
  return is_v4() ? bytes_[0] == 169 && bytes_[1] == 254
                 : bytes_[0] == 0xfe && (bytes_[1] & 0xc0) == 0x80;
}

bool IpAddress::is_unspecified() const {
  return std::ranges::all_of(bytes_, [](uint8_t byte) { return byte == 0; });
}

std::span<const uint8_t> IpAddress::bytes() const {
  return {bytes_.data(), is_v4() ? size_t{4} : size_t{16}};
}

uint32_t IpAddress::v4_host_order() const {
  return (uint32_t{bytes_[0]} << 24) | (uint32_t{bytes_[1]} << 16) | (uint32_t{bytes_[2]} << 8) |
         bytes_[3];
}

IpAddress IpAddress::masked(int prefix_length) const {
  IpAddress result = *this;
  for (int byte = 0; byte < bits() / 8; ++byte) {
    const int kept = std::clamp(prefix_length - byte * 8, 0, 8);
    result.bytes_[static_cast<size_t>(byte)] &= static_cast<uint8_t>(0xff00 >> kept);
  }
  return result;
}

std::string IpAddress::to_string() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(family_, bytes_.data(), text.data(), text.size());
  return text.data();
}

std::strong_ordering operator<=>(const IpAddress& a, const IpAddress& b) {
  if (a.family_ != b.family_)
    return a.is_v4() ? std::strong_ordering::less : std::strong_ordering::greater;
  return std::memcmp(a.bytes_.data(), b.bytes_.data(), a.bytes_.size()) <=> 0;
}

Result<Endpoint> Endpoint::parse(std::string_view text) {
  std::string_view host;
  std::string_view port;
  if (text.starts_with('[')) {
    const size_t close = text.find(']');
    if (close == std::string_view::npos || close + 1 >= text.size() || text[close + 1] != ':') {
      return fail("'{}' is no address with a port; valid: [2001:db8::1]:80", text);
    }
    host = text.substr(1, close - 1);
    port = text.substr(close + 2);
    if (host.find(':') == std::string_view::npos) {
      return fail("'{}': brackets are for IPv6; valid: 10.0.0.1:80 or [2001:db8::1]:80", text);
    }
  } else {
    const size_t colon = text.rfind(':');
    if (colon == std::string_view::npos || text.find(':') != colon) {
      return fail("'{}' is no address with a port; valid: 10.0.0.1:80 or [2001:db8::1]:80", text);
    }
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
  }
  auto ip = IpAddress::parse(host);
  if (!ip) return tl::unexpected(ip.error());
  auto number = parse_port(port);
  if (!number) return tl::unexpected(number.error());
  return Endpoint{.ip = *ip, .port = *number};
}

Endpoint Endpoint::from_sockaddr(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET6) {
    sockaddr_in6 in6{};
    std::memcpy(&in6, &address, sizeof in6);
    return {.ip = IpAddress::from_bytes(std::span<const uint8_t, 16>(in6.sin6_addr.s6_addr)),
            .port = ntohs(in6.sin6_port)};
  }
  sockaddr_in in{};
  std::memcpy(&in, &address, sizeof in);
  return {.ip = IpAddress::v4(ntohl(in.sin_addr.s_addr)), .port = ntohs(in.sin_port)};
}

Endpoint local_endpoint(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  const bool known = address.ss_family == AF_INET || address.ss_family == AF_INET6;
  return known ? Endpoint::from_sockaddr(address) : Endpoint{};
}

socklen_t Endpoint::to_sockaddr(sockaddr_storage& out) const {
  out = {};
  if (ip.is_v4()) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    std::memcpy(&in.sin_addr, ip.bytes().data(), 4);
    std::memcpy(&out, &in, sizeof in);
    return sizeof in;
  }
  sockaddr_in6 in6{};
  in6.sin6_family = AF_INET6;
  in6.sin6_port = htons(port);
  std::memcpy(&in6.sin6_addr, ip.bytes().data(), 16);
  std::memcpy(&out, &in6, sizeof in6);
  return sizeof in6;
}

std::string Endpoint::to_string() const {
  return ip.is_v4() ? fmt::format("{}:{}", ip.to_string(), port)
                    : fmt::format("[{}]:{}", ip.to_string(), port);
}

Result<Prefix> Prefix::parse(std::string_view text) {
  const size_t slash = text.find('/');
  auto ip = IpAddress::parse(text.substr(0, slash));
  if (!ip) return tl::unexpected(ip.error());
  if (slash == std::string_view::npos) return Prefix{.ip = *ip, .length = ip->bits()};
  const std::string_view digits = text.substr(slash + 1);
  int length = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (error != std::errc{} || end != digits.data() + digits.size() || length < 0 ||
      length > ip->bits()) {
    return fail("'{}': '{}' is no prefix length; valid: 0 to {}", text, digits, ip->bits());
  }
  return Prefix{.ip = *ip, .length = length};
}

bool Prefix::contains(const IpAddress& address) const {
  return address.family() == ip.family() && address.masked(length) == ip.masked(length);
}

std::string Prefix::to_string() const {
  return fmt::format("{}/{}", ip.to_string(), length);
}

}  // namespace hapair

size_t std::hash<hapair::IpAddress>::operator()(const hapair::IpAddress& address) const noexcept {
  return XXH3_64bits(address.bytes().data(), address.bytes().size());
}

size_t std::hash<hapair::Endpoint>::operator()(const hapair::Endpoint& endpoint) const noexcept {
  return XXH3_64bits_withSeed(endpoint.ip.bytes().data(), endpoint.ip.bytes().size(),
                              endpoint.port);
}
