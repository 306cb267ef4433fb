#include "tools/pairadm/options.h"

#include <algorithm>
#include <array>
#include <stdexcept>

#include <fmt/format.h>

#include "tools/pairadm/verbs.h"

namespace hapair::pairadm {

namespace {

constexpr std::string_view kNoMarks =
    "needs the kernel data path, which is not built yet: a proxy listens on addresses, give one "
    "service for each with -t";
constexpr std::string_view kNoSctp = "is not offered: a service is TCP (-t) or UDP (-u)";
constexpr std::string_view kNoEngines =
    "is not offered: sessions are those of client addresses, -p makes them";
constexpr std::string_view kNoTunnels =
    "needs the kernel data path, which is not built yet: a proxy has no tunnels";
constexpr std::string_view kPairDoesIt =
    "is not needed: the pair replicates by itself, see [pair] in hapair.conf(5) and `pairadm "
    "status`";

// clang-format off
constexpr auto kOptions = std::to_array<Option>({
    {Opt::tcp_service, 't', "tcp-service", "ADDRESS:PORT", "the TCP service", {}},
    {Opt::udp_service, 'u', "udp-service", "ADDRESS:PORT", "the UDP service", {}},
    {Opt::fwmark_service, 'f', "fwmark-service", "MARK", {}, kNoMarks},
    {Opt::scheduler, 's', "scheduler", "NAME", "rr, wrr, wlc, sed, mh, ...; a new service has wlc", {}},
    {Opt::persistent, 'p', "persistent", "[SECONDS]", "sticky sessions: idle timeout, 360 when left out; 0 with -E: none", {}},
    {Opt::netmask, 'M', "netmask", "MASK", "clients of one network share a session (IPv6: a prefix length)", {}},
    {Opt::ops, 'o', "ops", "", "UDP: every datagram is scheduled anew", {}},
    {Opt::real_server, 'r', "real-server", "ADDRESS[:PORT]", "the server; without a port, the service's", {}},
    {Opt::weight, 'w', "weight", "WEIGHT", "share of new clients, 0 for none; a new server has 1", {}},
    {Opt::gatewaying, 'g', "gatewaying", "", {}, {}},
    {Opt::ipip, 'i', "ipip", "", {}, {}},
    {Opt::masquerading, 'm', "masquerading", "", {}, {}},
    {Opt::ipv6, '6', "ipv6", "", "host names resolve to IPv6", {}},
    {Opt::numeric, 'n', "numeric", "", "addresses and ports as numbers", {}},
    {Opt::json, 0, "json", "", "for programs: one JSON document", {}},
    {Opt::persistent_conn, 0, "persistent-conn", "", "sticky sessions of each server", {}},
    {Opt::sort, 0, "sort", "", "by protocol, address and port (as always)", {}},
    {Opt::nosort, 0, "nosort", "", "in the order of lbcore's table", {}},
    {Opt::run_dir, 0, "run-dir", "DIR", "where the daemons' sockets are; /run/hapair", {}},
    {Opt::wait, 0, "wait", "DURATION", "how long a daemon may take to answer; 2s", {}},
    {Opt::force, 0, "force", "", "although the peer is not known to be ready", {}},
    {Opt::reason, 0, "reason", "TEXT", "why, for whoever looks at the status", {}},
    {Opt::follow, 'f', "follow", "", "goes on with what happens", {}},
    {Opt::rotate, 0, "rotate", "STEP", "add a second key, promote it, retire the old one", {}},
    {Opt::state, 0, "state", "STATE", "enabled, drain or disabled", {}},
    {Opt::from, 0, "from", "ADDRESS[:PORT]", "the client", {}},
    {Opt::to, 0, "to", "ADDRESS:PORT", "what it connects to", {}},
    {Opt::udp, 0, "udp", "", "it is UDP", {}},
    {Opt::sched_flags, 'b', "sched-flags", "FLAGS", "sh-fallback, mh-fallback: always so here", {}},
    {Opt::u_threshold, 'x', "u-threshold", "CONNECTIONS", "so many and it gets no more; 0 for no limit", {}},
    {Opt::l_threshold, 'y', "l-threshold", "CONNECTIONS", "below so many it gets some again; 0 for 3/4 of -x", {}},
    {Opt::connection, 'c', "connection", "", "open connections, one a line", {}},
    {Opt::exact, 'X', "exact", "", "large figures whole, not with K, M, G or T", {}},
    {Opt::stats, 0, "stats", "", "connections, packets and bytes since -Z", {}},
    {Opt::rate, 0, "rate", "", "the same per second", {}},
    {Opt::thresholds, 0, "thresholds", "", "-x and -y of each server", {}},
    {Opt::timeout, 0, "timeout", "", "what --set has set", {}},
    {Opt::latency, 0, "latency", "", "how long connects, first bytes and connections take", {}},
    {Opt::daemon, 0, "daemon", "", {}, kPairDoesIt},
    {Opt::syncid, 0, "syncid", "ID", {}, kPairDoesIt},
    {Opt::sync_maxlen, 0, "sync-maxlen", "BYTES", {}, kPairDoesIt},
    {Opt::mcast_interface, 0, "mcast-interface", "INTERFACE", {}, kPairDoesIt},
    {Opt::mcast_group, 0, "mcast-group", "ADDRESS", {}, kPairDoesIt},
    {Opt::mcast_port, 0, "mcast-port", "PORT", {}, kPairDoesIt},
    {Opt::mcast_ttl, 0, "mcast-ttl", "TTL", {}, kPairDoesIt},
    {Opt::sctp_service, 0, "sctp-service", "ADDRESS:PORT", {}, kNoSctp},
    {Opt::pe, 0, "pe", "ENGINE", {}, kNoEngines},
    {Opt::tun_type, 0, "tun-type", "TYPE", {}, kNoTunnels},
    {Opt::tun_port, 0, "tun-port", "PORT", {}, kNoTunnels},
});

constexpr OptSet kServiceOptions = {Opt::scheduler, Opt::persistent, Opt::netmask, Opt::ops,
                                    Opt::sched_flags};
constexpr OptSet kServerOptions = {Opt::weight, Opt::gatewaying, Opt::ipip, Opt::masquerading,
                                    Opt::state, Opt::u_threshold, Opt::l_threshold};
constexpr OptSet kListOptions = {Opt::numeric, Opt::json, Opt::persistent_conn, Opt::sort, Opt::nosort,
                                  Opt::stats, Opt::rate, Opt::exact, Opt::connection,
                                  Opt::thresholds, Opt::timeout, Opt::latency};
constexpr OptSet kServer = {Opt::real_server};
using Service = Command::Service;

constexpr auto kCommands = std::to_array<Command>({
    {'A', 0, "add-service", {}, kServiceOptions, Service::required, 0, add_service_request, run_edit,
     "add a service", {}},
    {'E', 0, "edit-service", {}, kServiceOptions, Service::required, 0, edit_service_request, run_edit,
     "change what is named of a service, keep the rest", {}},
    {'D', 0, "delete-service", {}, {}, Service::required, 0, delete_service_request, run_edit,
     "delete a service and its pool", {}},
    {'C', 0, "clear", {}, {}, Service::none, 0, clear_request, run_edit,
     "delete every service", {}},
    {'a', 0, "add-server", kServer, kServerOptions, Service::required, 0, add_server_request, run_edit,
     "add a server to a service", {}},
    {'e', 0, "edit-server", kServer, kServerOptions, Service::required, 0, edit_server_request, run_edit,
     "change what is named of a server, keep the rest", {}},
    {'d', 0, "delete-server", kServer, {}, Service::required, 0, delete_server_request, run_edit,
     "delete a server of a service", {}},
    {'S', 0, "save", {}, {Opt::numeric}, Service::none, 0, nullptr, run_save,
     "print the table as commands, for -R", {}},
    {'R', 0, "restore", {}, {}, Service::none, 0, nullptr, run_restore_table,
     "do the commands of standard input, all at once or none", {}},
    {'Z', 0, "zero", {}, {}, Service::optional, 0, zero_request, run_edit,
     "let the figures of -L begin anew", {}},
    {0, 0, "--set", {}, {}, Service::none, 3, set_request, run_edit,
     "default timeouts in seconds, 0 keeps one: --set TCP TCPFIN UDP", {}},
    {'L', 'l', "list", {}, kListOptions, Service::optional, 0, list_request, run_list,
     "list the services and their servers", {}},
    {0, 0, "drain", {}, {Opt::json}, Service::none, 2, nullptr, run_server_state,
     "no new clients for a server: drain [--wait [DURATION]] SERVICE SERVER", {}},
    {0, 0, "disable", {}, {Opt::json}, Service::none, 2, nullptr, run_server_state,
     "no clients for a server, as if it were down: disable SERVICE SERVER", {}},
    {0, 0, "enable", {}, {Opt::json}, Service::none, 2, nullptr, run_server_state,
     "ends drain and disable: enable SERVICE SERVER", {}},
    {0, 0, "explain", {Opt::from, Opt::to}, {Opt::udp, Opt::ipv6, Opt::json}, Service::none, 0, nullptr, run_explain,
     "which server a client would get now, and why", {}},
    {0, 0, "diff", {}, {Opt::json}, Service::none, 0, nullptr, run_diff,
     "where what runs is not what the configuration file says", {}},
    {0, 0, "status", {}, {Opt::json}, Service::none, 0, nullptr, run_status,
     "both nodes: who is active, since when, why, and what is wrong", {}},
    {0, 0, "vrrp", {}, {Opt::json}, Service::none, 1, nullptr, run_vrrp,
     "this node's routers: states, timers, counters, history: vrrp [ROUTER]", {}},
    {0, 0, "handover", {}, {Opt::force, Opt::json}, Service::none, 1, nullptr, run_handover,
     "the other node becomes Active: handover [--wait [DURATION]] [ROUTER]", {}},
    {0, 0, "demote", {}, {Opt::force, Opt::reason, Opt::json}, Service::none, 0, nullptr, run_demote,
     "this node gives up its routers until restore, restarts included", {}},
    {0, 0, "restore", {}, {Opt::json}, Service::none, 0, nullptr, run_restore,
     "ends demote, and what handover keeps from preempting", {}},
    {0, 0, "events", {}, {Opt::follow, Opt::json}, Service::none, 0, nullptr, run_events,
     "what happened on this node, as lines of JSON", {}},
    {0, 0, "upgrade", {}, {Opt::json}, Service::none, 0, nullptr, run_upgrade,
     "lbcore starts anew from the installed program; no client notices", {}},
    {0, 0, "push-config", {}, {Opt::json}, Service::none, 1, nullptr, run_push_config,
     "the other node takes this node's configuration file: push-config [FILE]", {}},
    {0, 0, "keygen", {}, {Opt::rotate}, Service::none, 1, nullptr, run_keygen,
     "make the pair's key, or rotate it: keygen [FILE]", {}},
    {'h', 0, "help", {}, {}, Service::none, 0, nullptr, run_help, "this text", {}},
    {'v', 0, "version", {}, {}, Service::none, 0, nullptr, run_version, "the version", {}},
    {0, 0, "--start-daemon", {}, {}, Service::none, 0, nullptr, nullptr, {}, kPairDoesIt},
    {0, 0, "--stop-daemon", {}, {}, Service::none, 0, nullptr, nullptr, {}, kPairDoesIt},
});
// clang-format on

}  // namespace

std::span<const Option> options() {
  return kOptions;
}
std::span<const Command> commands() {
  return kCommands;
}

const Option& option(Opt id) {
  const auto* at = std::ranges::find(kOptions, id, &Option::id);
  if (at == kOptions.end()) throw std::logic_error("an option without an entry in the table");
  return *at;
}

std::string spelling(const Option& option) {
  std::string text = option.letter != 0 ? fmt::format("-{} --{}", option.letter, option.name)
                                        : fmt::format("--{}", option.name);
  if (!option.argument.empty()) text += fmt::format(" {}", option.argument);
  return text;
}

std::string spelling(const Command& command) {
  return command.letter != 0 ? fmt::format("-{}", command.letter) : std::string(command.name);
}

}  // namespace hapair::pairadm
