// The two messages of check = icmp: an echo request, and what tells its reply from everything else
// that a ping socket may hear (RFC 792, RFC 4443 section 4). Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hapair::lbcore::health {

/// With its checksum; for ICMPv6 the kernel fills that in.
std::string echo_request(bool v6, uint16_t id, uint16_t sequence);

/// `message`: the ICMP message; for IPv4 from a raw socket see skip_ip_header. `check_id` is false
/// where the kernel chose the identifier and sorts the replies by it.
bool is_echo_reply(bool v6, std::string_view message, uint16_t id, bool check_id,
                   uint16_t sequence);

/// What is behind the IPv4 header; empty if there is no whole one.
std::string_view skip_ip_header(std::string_view packet);

}  // namespace hapair::lbcore::health
