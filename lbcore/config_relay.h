// The keys of [service] and [pool] that say how connections are relayed: their rows of the tables,
// and what they become. Called by config.cc.
#pragma once

#include <array>

#include "common/config/schema.h"
#include "lbcore/model/relay_spec.h"

namespace hapair::lbcore {

inline constexpr std::array kServiceRelayTable{
    config::Key{.name = "half_closed_timeout",
                .type = config::Type::duration,
                .least = "0",
                .most = "31d",
                .help = "idle_timeout once one side has said that it sends no more; 0: the same"},
    config::Key{.name = "proxy_from",
                .type = config::Type::prefix,
                .list = true,
                .help = "who must send a PROXY protocol header; from others none is read"},
    config::Key{.name = "proxy_header_timeout",
                .type = config::Type::duration,
                .least = "10ms",
                .most = "1m",
                .fallback = "3s",
                .help = "how long that header may take"},
    config::Key{.name = "max_connections",
                .type = config::Type::integer,
                .least = "0",
                .most = "1000000000",
                .fallback = "0",
                .help = "connections open at a time, of all clients; 0: no limit"},
    config::Key{.name = "max_rate",
                .type = config::Type::integer,
                .least = "0",
                .most = "1000000000",
                .fallback = "0",
                .help = "new connections per second, of all clients; 0: no limit"},
    config::Key{.name = "source_max_connections",
                .type = config::Type::integer,
                .least = "0",
                .most = "1000000000",
                .fallback = "0",
                .help = "connections open at a time, of one client; 0: no limit"},
    config::Key{.name = "source_max_rate",
                .type = config::Type::integer,
                .least = "0",
                .most = "1000000000",
                .fallback = "0",
                .help = "new connections per second, of one client; 0: no limit"},
};

inline constexpr std::array kPoolRelayTable{
    config::Key{.name = "proxy_protocol",
                .type = config::Type::choice,
                .fallback = "none",
                .choices = "none|v1|v2",
                .help = "the header that tells the servers who the client is"},
    config::Key{.name = "transparent",
                .type = config::Type::yes_no,
                .fallback = "no",
                .help = "the servers see the client's address and port"},
    config::Key{.name = "source",
                .type = config::Type::address,
                .list = true,
                .help = "addresses that move with the VIPs, from which the servers are connected"},
    config::Key{.name = "retries",
                .type = config::Type::integer,
                .least = "0",
                .most = "7",
                .fallback = "3",
                .help = "further servers that are asked when the first one failed"},
    config::Key{.name = "queue_size",
                .type = config::Type::integer,
                .least = "0",
                .most = "1000000",
                .fallback = "0",
                .help = "clients that wait, per worker, while all servers are full; 0: none"},
    config::Key{.name = "queue_timeout",
                .type = config::Type::duration,
                .least = "10ms",
                .most = "1h",
                .fallback = "10s",
                .help = "how long they wait"},
};

ServiceRelay read_service_relay(const config::Section& section);
PoolRelay read_pool_relay(const config::Section& section);

/// Keys that somebody wrote although they mean nothing there, each with the reason: those that are
/// for streams, at a UDP service or at a pool that serves UDP only; limits at one-shot.
struct MisplacedKey {
  std::string_view key;
  std::string_view why;
};
std::vector<MisplacedKey> misplaced_service_keys(const config::Section& section, bool udp,
                                                 bool one_shot);
std::vector<MisplacedKey> misplaced_udp_pool_keys(const config::Section& section);

/// Whether the operator wrote it.
bool in_file(const config::Section& section, std::string_view key);

}  // namespace hapair::lbcore
