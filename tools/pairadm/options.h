// What can stand on pairadm's command line: one table of options, one of commands. The parser, the
// usage text, the man page's and the completion's tests all read these tables. Letters and long
// names are ipvsadm's.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/clock.h"
#include "common/result.h"
#include "common/schema/control.pb.h"

namespace hapair::pairadm {

enum class Opt : uint8_t {
  tcp_service,
  udp_service,
  fwmark_service,
  scheduler,
  persistent,
  netmask,
  ops,
  real_server,
  weight,
  gatewaying,
  ipip,
  masquerading,
  ipv6,
  numeric,
  json,
  persistent_conn,
  sort,
  nosort,
  run_dir,
  wait,
  force,
  reason,
  follow,
  rotate,
  state,
  from,
  to,
  udp,
  connection,
  exact,
  stats,
  rate,
  thresholds,
  timeout,
  latency,
  u_threshold,
  l_threshold,
  sched_flags,
  // Known to ipvsadm, refused with a reason:
  daemon,
  syncid,
  sync_maxlen,
  mcast_interface,
  mcast_group,
  mcast_port,
  mcast_ttl,
  sctp_service,
  pe,
  tun_type,
  tun_port,
};

struct Option {
  Opt id;
  char letter;                // 0: long name only
  std::string_view name;      // without dashes
  std::string_view argument;  // "" takes none; "[X]" takes one that may be left out
  std::string_view help;      // for offered options
  std::string_view refusal;   // why it is not offered; empty: it is
};

std::span<const Option> options();
const Option& option(Opt id);

class OptSet {
 public:
  constexpr OptSet() = default;
  constexpr OptSet(std::initializer_list<Opt> list) {
    for (const Opt opt : list) bits_ |= bit(opt);
  }
  [[nodiscard]] constexpr bool has(Opt opt) const { return (bits_ & bit(opt)) != 0; }
  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }

 private:
  static constexpr uint64_t bit(Opt opt) { return uint64_t{1} << static_cast<unsigned>(opt); }
  uint64_t bits_ = 0;
};

struct Command;

/// A command line that was understood; values are as typed and not yet checked.
struct Invocation {
  const Command* command = nullptr;
  std::map<Opt, std::string> values;  // "" for options without an argument
  std::vector<std::string> operands;  // keygen's FILE
  std::string run_dir;
  Duration wait{};
  Duration wait_for_end{};

  [[nodiscard]] bool has(Opt opt) const { return values.contains(opt); }
  [[nodiscard]] const std::string& value(Opt opt) const { return values.at(opt); }
};

struct Names;
struct Shell;

struct Command {
  char letter;            // 0: a word, such as `status`
  char second_letter;     // -L and -l
  std::string_view name;  // long name or word
  OptSet needs;           // besides the service, which `service` governs
  OptSet takes;
  enum class Service : uint8_t { none, optional, required } service;
  size_t most_operands;
  /// Pure: the request to lbcore, or what is wrong with the arguments. Null for commands that make
  /// none.
  Result<control::Request> (*request)(const Invocation&, const Names&);
  /// Does it and returns the exit code.
  int (*run)(const Invocation&, Shell&);
  std::string_view help;
  std::string_view refusal;
};

std::span<const Command> commands();

/// "-t --tcp-service ADDRESS:PORT", for usage and messages.
std::string spelling(const Option& option);
/// "-A", or "status".
std::string spelling(const Command& command);

}  // namespace hapair::pairadm
