// What a command needs from its surroundings; tests bring their own. `main.cc` builds the real one.
#pragma once

#include <cstdint>
#include <functional>
#include <istream>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "common/address.h"
#include "common/clock.h"
#include "common/pair_key.h"
#include "common/result.h"
#include "common/schema/control.pb.h"

namespace hapair::pairadm {

/// Host and service names, both ways (names.cc asks the system).
struct Names {
  std::function<Result<IpAddress>(const std::string& host, bool ipv6)> address;
  std::function<Result<uint16_t>(const std::string& service)> port;
  /// The number as text when there is no name.
  std::function<std::string(const IpAddress&)> host;
  std::function<std::string(uint16_t port, control::Protocol)> service;
};

/// A daemon of this node: "lbcore" or "vrrpd", with its socket `<run dir>/<daemon>.sock`.
struct Call {
  std::string_view daemon;
  std::string run_dir;
  Duration wait;
};

struct Shell {
  std::ostream& out;
  std::ostream& err;
  Names names;
  /// One request, one reply; the error says which daemon, where it was looked for and why it did
  /// not answer.
  std::function<Result<control::Reply>(const Call&, const control::Request&)> ask;
  /// One request, and replies until `on_reply` wants no more or the daemon ends the stream.
  std::function<Status(const Call&, const control::Request&,
                       const std::function<bool(const control::Reply&)>& on_reply)>
      stream;
  std::function<Status(const std::string& path)> create_key;
  std::function<Status(const std::string& path, Rotation step)> rotate_key;
  std::string host;  // this machine's name
  std::string user;  // who asks
  std::function<TimePoint()> now;
  std::function<void(Duration)> pause;
  std::istream& in;  // what -R reads
};

/// The whole program: parses `args` (without the program's name), runs the command, returns the
/// exit code.
int pairadm(const std::vector<std::string>& args, Shell& shell);

}  // namespace hapair::pairadm
