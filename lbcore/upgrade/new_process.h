// An upgrade as the new process sees it: started by the old one with a channel to it, it first
// takes what it needs to prepare itself (blocking: it has no loop yet), then the sessions, says
// that it is ready, and serves once it is told to. Whatever goes wrong before that is told to the
// old process and ends this one.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "lbcore/upgrade/estate.h"
#include "lbcore/upgrade/inheritance.h"
#include "lbcore/upgrade/packet.h"
#include "lbcore/upgrade/session_feed.h"

namespace hapair::lbcore::upgrade {

class NewProcess {
 public:
  /// Nothing when no old process has started this one. Throws std::runtime_error when the channel
  /// that the environment names is none. Call it before any thread starts.
  static std::unique_ptr<NewProcess> from_environment();

  [[nodiscard]] bool serving() const { return serving_; }
  Result<Inheritance> receive();
  /// Tells the old process, which serves on.
  void fail(const std::string& reason);

  /// Once the parts exist. `inheritance`: what they have not taken. `on_serving` when this process
  /// serves; `on_failure` when it never will.
  void prepare(Estate estate, Inheritance inheritance, std::function<void()> on_serving,
               std::function<void()> on_failure);

 private:
  explicit NewProcess(UniqueFd fd) : fd_(std::move(fd)) {}

  void on_packet(Packet packet);
  void ready_if_so();
  void commit(const wire::Commit& commit, std::vector<UniqueFd> descriptors);
  void broken(const std::string& why);

  UniqueFd fd_;  // until prepare()
  std::optional<Estate> estate_;
  Inheritance inheritance_;
  std::function<void()> on_serving_;
  std::function<void()> on_failure_;
  std::unique_ptr<PacketChannel> channel_;
  std::unique_ptr<SessionSink> sessions_;
  std::optional<Ticker> ready_ticker_;
  bool has_sessions_ = false;
  bool serving_ = false;
};

}  // namespace hapair::lbcore::upgrade
