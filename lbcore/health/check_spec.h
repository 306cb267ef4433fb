// What an active check does, as written in the configuration:
//   check = none
//   check = tcp interval 2s timeout 1s fall 3 rise 2
//   check = http GET /health expect 200,204,300-399 host www.example.net body "all is well"
//   check = https GET /health verify on ca /etc/ssl/pool.pem sni www.example.net
//   check = tls
//   check = udp send "ping\n" expect "pong"
//   check = dns www.example.net AAAA
//   check = smtp host lb1.example.net
//   check = icmp
//   check = exec /usr/local/bin/check-ldap "-b" "dc=example" interval 10s timeout 5s
// Options stand in any order, each once (header: as often as needed), and may be left out; which
// ones a kind takes is one table in check_spec.cc. A probe ends before the next one begins: timeout
// must not exceed interval, and when only interval is given, timeout is at most that.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/address.h"
#include "common/clock.h"
#include "common/result.h"
#include "lbcore/model/relay_spec.h"

namespace hapair::lbcore::health {

enum class CheckKind : uint8_t { none, tcp, http, https, tls, udp, dns, smtp, icmp, exec };
std::string_view name(CheckKind kind);

enum class DnsType : uint16_t { a = 1, aaaa = 28 };

struct StatusRange {
  uint16_t from = 200;
  uint16_t to = 399;

  friend bool operator==(const StatusRange&, const StatusRange&) = default;
};

struct CheckSpec {
  CheckKind kind = CheckKind::tcp;

  // http, https
  std::string method = "GET";
  std::string path = "/";
  std::vector<StatusRange> expect = {StatusRange{}};
  std::vector<std::string> headers = {};  // "Name: value"
  std::string body = {};                  // must be contained; empty: any body
  // http, https: for Host (empty: the address); smtp: for EHLO
  std::string host = {};

  // https, tls
  bool verify = false;
  std::string ca_file = {};  // empty: those of the system
  std::string sni = {};      // empty: host, if that is a name

  // udp
  std::string send = {};
  std::string answer = {};  // must be contained; empty: none is needed

  // dns
  std::string query = {};
  DnsType query_type = DnsType::a;

  // exec
  std::string command = {};  // absolute path
  std::vector<std::string> arguments = {};

  // tcp, http, https, tls, smtp: the PROXY header that comes first; nothing: what the pool sends
  std::optional<ProxyProtocol> proxy = std::nullopt;

  uint16_t port = 0;  // 0: the server's
  std::optional<IpAddress> source = std::nullopt;
  Duration interval = 2s;
  Duration fast = 2s;  // the interval while results speak against the verdict
  Duration timeout = 1s;
  uint32_t fall = 3;
  uint32_t rise = 2;

  [[nodiscard]] bool uses_tls() const { return kind == CheckKind::https || kind == CheckKind::tls; }
  [[nodiscard]] bool expects(uint16_t status) const;
  friend bool operator==(const CheckSpec&, const CheckSpec&) = default;
};

/// The error names the word that is wrong and what would be valid in its place.
Result<CheckSpec> parse_check(std::string_view text);

/// The canonical text, every option written out; parse_check reads it back.
std::string format_check(const CheckSpec& spec);

/// `spec` as it is done in a pool whose servers expect this header of clients: they expect it of a
/// check too, unless it says otherwise or asks another port.
CheckSpec with_proxy_of(CheckSpec spec, ProxyProtocol pool);

/// Until the next probe begins, counted from the beginning of the last one. `against`: results in a
/// row that speak against the verdict.
Duration pause_between_probes(const CheckSpec& spec, uint32_t against);

}  // namespace hapair::lbcore::health
