// An upgrade as the old process sees it. Everything is prepared while it serves on; nothing of its
// own is given up before the new process has said that it serves, so that an upgrade that fails at
// any step changes nothing:
//
//   idle -> gathering   the program is started; the workers lend their listening sockets
//        -> preparing   sockets, servers' health, runtime changes, sessions are sent; the new
//        process
//                       says that it is ready
//        -> committing  vrrpd's connection pauses, the pair link and the control socket are let go
//        -> done        the new process serves; this one lets its connections end, and ends
//
// Main thread. Owned by Daemon.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "common/schema/control.pb.h"
#include "lbcore/upgrade/estate.h"
#include "lbcore/upgrade/packet.h"
#include "lbcore/upgrade/session_feed.h"

namespace hapair::lbcore::upgrade {

class OldProcess {
 public:
  struct Program {
    std::string path;
    std::vector<std::string> arguments;  // argv[0] included
  };
  /// Called once: the new process serves and this one retires, or why not.
  using Done = std::function<void(Result<control::Upgraded> outcome)>;

  OldProcess(Estate estate, Program program) : estate_(estate), program_(std::move(program)) {}

  /// `changes` of pairadm go to the new process; `patience` is for this one's connections. Refused
  /// while another upgrade is under way or done.
  Status begin(std::vector<control::Request> changes, Duration patience, Done done);
  /// Ends one that is not done.
  void abandon(const std::string& why);
  [[nodiscard]] bool under_way() const { return step_ != Step::idle && step_ != Step::done; }
  [[nodiscard]] bool done() const { return step_ == Step::done; }
  [[nodiscard]] pid_t successor() const { return pid_; }

 private:
  enum class Step : uint8_t { idle, gathering, preparing, committing, done };

  void send(const wire::FromOld& message, std::vector<UniqueFd> descriptors = {});
  /// False when there is no descriptor left for it.
  bool send_resource(wire::Resource::Kind kind, int fd);
  void send_preparations(Balancer::Listeners listeners);
  void send_servers();
  void send_sessions();
  void on_packet(const Packet& packet);
  void commit();
  void succeeded();
  void failed(const std::string& why);

  Estate estate_;
  Program program_;
  Step step_ = Step::idle;
  std::vector<control::Request> changes_;
  Duration patience_{0};
  Done done_;
  pid_t pid_ = 0;
  uint64_t attempt_ = 0;  // replies of workers to an earlier one are stale
  std::string version_;   // of the new process
  std::unique_ptr<PacketChannel> channel_;
  std::unique_ptr<SessionSource> sessions_;
  bool sent_all_sessions_ = false;
  bool lost_changes_ = false;
  std::optional<Ticker> deadline_;
};

}  // namespace hapair::lbcore::upgrade
