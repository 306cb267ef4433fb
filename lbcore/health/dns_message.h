// The two messages of check = dns: one question, and what may come back for it (RFC 1035 section
// 4). Pure. Reads what anybody may send to our port: everything is bounded, compressed names are
// stepped over and never followed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hapair::lbcore::health {

/// At most 253 bytes of labels of 1 to 63 letters, digits, '-' and '_'; one '.' may stand at the
/// end.
bool is_dns_name(std::string_view name);

/// `name`: is_dns_name. `type`: 1 for A, 28 for AAAA. Recursion is desired.
std::string dns_query(uint16_t id, std::string_view name, uint16_t type);

struct DnsAnswer {
  enum class State : uint8_t {
    foreign,    // not an answer to this question: some other datagram
    malformed,  // an answer, but broken
    answered
  };
  State state = State::foreign;
  uint8_t rcode = 0;     // when answered
  uint16_t records = 0;  // of the type that was asked for
};
/// `query`: as made by dns_query.
DnsAnswer read_dns_answer(std::string_view message, std::string_view query);

/// "NXDOMAIN", or "RCODE 11" for one without a common name.
std::string dns_rcode_name(uint8_t rcode);

}  // namespace hapair::lbcore::health
