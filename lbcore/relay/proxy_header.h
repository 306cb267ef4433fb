// The PROXY protocol's header, versions 1 (a line of text) and 2 (binary), both ways: what a proxy
// before us says of the client, and what we say of it to a server. Pure. Standard: HAProxy's
// doc/proxy-protocol.txt, revision 2020/03/05; sections named below are its own.
//
//   v1   "PROXY TCP4 192.0.2.1 10.0.0.100 56324 443\r\n", 107 bytes at most
//   v2   0                                       12     13          14      16
//        +----------------------------------------+------+-----------+-------+-----------+------+
//        | 0d 0a 0d 0a 00 0d 0a 51 55 49 54 0a    |2|cmd | fam|trans | length| addresses | TLVs |
//        +----------------------------------------+------+-----------+-------+-----------+------+
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "common/address.h"
#include "lbcore/model/relay_spec.h"

namespace hapair::lbcore::relay {

struct ProxyHeader {
  enum class State : uint8_t {
    incomplete,  // every byte so far belongs to a header that has not ended yet
    complete,
    malformed,
  };
  State state = State::incomplete;
  size_t length = 0;  // of the header, when complete; what follows is the client's
  /// False: the sender speaks for itself, or of something that is no TCP client (LOCAL, UNKNOWN);
  /// the connection's own addresses count.
  bool has_addresses = false;
  Endpoint client = {};
  Endpoint destination = {};
  std::string_view mistake = {};  // when malformed
};

/// The longest header that is taken. The standard lets version 2 be longer; certificates of clients
/// in TLVs stay below.
inline constexpr size_t kMostProxyHeader = size_t{16} << 10;

/// `bytes`: all that came so far, from the first one on. What comes behind a header is not looked
/// at.
ProxyHeader parse_proxy_header(std::span<const char> bytes);

/// Room for what we send, of any version.
inline constexpr size_t kProxyHeaderRoom = 108;

/// Writes a header to `out` and returns its length (0 for none). Two addresses of different
/// families, which no header can carry, become UNKNOWN or LOCAL.
size_t write_proxy_header(ProxyProtocol version, const Endpoint& client,
                          const Endpoint& destination, std::span<char, kProxyHeaderRoom> out);

}  // namespace hapair::lbcore::relay
