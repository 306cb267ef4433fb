// What a new process gets from the old one before it serves, and the reading of it: message by
// message, each with the descriptors that came beside it. Pure but for owning descriptors: whatever
// is wrong ends the upgrade with a reason, never the process, and leaks nothing.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/clock.h"
#include "common/result.h"
#include "common/schema/control.pb.h"
#include "common/unique_fd.h"
#include "lbcore/model/spec_diff.h"
#include "lbcore/upgrade/upgrade.pb.h"

namespace hapair::lbcore::upgrade {

inline constexpr uint32_t kProtocol = 1;

struct Inheritance {
  struct ServerHealth {
    bool up = false;
    std::string result;
    Duration result_age{0};
    Duration in_state{0};
  };

  uint64_t pid = 0;
  std::string version;
  bool active = false;
  UniqueFd lock, control, role, status, pair;
  std::map<ListenKey, std::vector<UniqueFd>> listeners;
  std::map<std::pair<std::string, Endpoint>, ServerHealth> servers;  // by pool and address
  std::vector<control::Request> changes;
  std::vector<runtime::Record> records;  // say the same, where the old process knows of them
};

class InheritanceReader {
 public:
  /// Takes one message (a wire::FromOld) and what came with it.
  Status take(std::string_view message, std::vector<UniqueFd> descriptors);
  /// The old process has sent everything, and nothing that a start needs is missing.
  [[nodiscard]] bool complete() const { return complete_; }
  Inheritance finish() { return std::move(out_); }

 private:
  Status begin(const wire::Begin& begin);
  Status resource(const wire::Resource& resource, UniqueFd fd);
  Status listener(const wire::Listener& listener, std::vector<UniqueFd> sockets);
  Status server(const wire::Server& server);
  Status end();

  Inheritance out_;
  bool begun_ = false;
  bool complete_ = false;
};

}  // namespace hapair::lbcore::upgrade
