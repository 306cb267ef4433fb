// IPv4 and IPv6 addresses, endpoints and prefixes: values that are parsed, compared, printed and
// handed to sockets.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include <sys/socket.h>

#include "common/result.h"

namespace hapair {

class IpAddress {
 public:
  IpAddress() = default;  // 0.0.0.0
  static IpAddress v4(uint32_t host_order);
  static IpAddress from_bytes(std::span<const uint8_t, 4> bytes);
  static IpAddress from_bytes(std::span<const uint8_t, 16> bytes);
  /// Dotted quad or RFC 5952 text, no brackets, no zone. "what would be valid" is in the error.
  static Result<IpAddress> parse(std::string_view text);

  [[nodiscard]] bool is_v4() const { return family_ == AF_INET; }
  [[nodiscard]] bool is_v6() const { return family_ == AF_INET6; }
  [[nodiscard]] int family() const { return family_; }  // AF_INET or AF_INET6
  [[nodiscard]] int bits() const { return is_v4() ? 32 : 128; }
  [[nodiscard]] bool is_multicast() const;
  [[nodiscard]] bool is_link_local() const;
  [[nodiscard]] bool is_unspecified() const;
  /// 4 or 16 bytes, network order.
  [[nodiscard]] std::span<const uint8_t> bytes() const;
  [[nodiscard]] uint32_t v4_host_order() const;  // only when is_v4()
  [[nodiscard]] IpAddress masked(int prefix_length) const;
  [[nodiscard]] std::string to_string() const;

  /// IPv4 before IPv6, then unsigned network order (the comparison RFC 9568 section 6.4.3 asks
  /// for).
  friend std::strong_ordering operator<=>(const IpAddress& a, const IpAddress& b);
  friend bool operator==(const IpAddress& a, const IpAddress& b) = default;

 private:
  int family_ = AF_INET;
  std::array<uint8_t, 16> bytes_{};  // the first 4 count for IPv4, the rest is zero
};

struct Endpoint {
  IpAddress ip;
  uint16_t port = 0;

  /// "10.0.0.1:80" or "[2001:db8::1]:80".
  static Result<Endpoint> parse(std::string_view text);
  static Endpoint from_sockaddr(const sockaddr_storage& address);
  /// Fills `out`, returns its length for bind/connect.
  socklen_t to_sockaddr(sockaddr_storage& out) const;
  [[nodiscard]] std::string to_string() const;

  // clang-tidy 14 takes the comparison's result for a null pointer.
  friend auto operator<=>(const Endpoint&,
                          const Endpoint&) = default;  // NOLINT(modernize-use-nullptr)
};

/// The address that a socket is bound to; unspecified, port 0, when it is no such socket.
Endpoint local_endpoint(int fd);

struct Prefix {
  IpAddress ip;  // host bits are kept: "10.0.0.100/24" is an address with its network
  int length = 32;

  /// "10.0.0.100/24"; without "/": the whole address.
  static Result<Prefix> parse(std::string_view text);
  [[nodiscard]] bool contains(const IpAddress& address) const;
  [[nodiscard]] std::string to_string() const;

  // clang-tidy 14 takes the comparison's result for a null pointer.
  friend auto operator<=>(const Prefix&, const Prefix&) = default;  // NOLINT(modernize-use-nullptr)
};

}  // namespace hapair

template <>
struct std::hash<hapair::IpAddress> {
  size_t operator()(const hapair::IpAddress& address) const noexcept;
};

template <>
struct std::hash<hapair::Endpoint> {
  size_t operator()(const hapair::Endpoint& endpoint) const noexcept;
};
