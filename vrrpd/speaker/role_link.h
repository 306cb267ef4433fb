// The connection to lbcore on this node (role.proto): tells it every role, learns whether it
// serves.
//
// lbcore's word counts while its lease runs; the socket closing ends it at once. Reconnects for
// ever, quickly: the other end lives on this machine. Used by `speaker`.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/event_loop.h"
#include "common/frame_stream.h"
#include "common/log.h"
#include "common/schema/role.pb.h"
#include "vrrpd/election/serving_lease.h"

namespace hapair::vrrp {

class RoleLink {
 public:
  struct Callbacks {
    std::function<void()> on_change;  // of the lease
    /// Where lbcore is in a handover, with every message; null when it is nowhere.
    std::function<void(const role::Handover* word)> on_handover;
    std::function<void()> on_close;
  };
  RoleLink(EventLoop& loop, Logger& log, std::string path, Callbacks callbacks);
  RoleLink(const RoleLink&) = delete;
  RoleLink& operator=(const RoleLink&) = delete;

  /// A serialized role::NodeRole: sent now, and again at each connect.
  void tell(std::string node_role);
  [[nodiscard]] const ServingLease& lease() const { return lease_; }

 private:
  void connect();
  void on_frame(std::string_view payload);
  void on_close(const std::string& reason);
  void on_lapse();
  void changed();

  EventLoop& loop_;
  Logger& log_;
  std::string path_;
  Callbacks callbacks_;
  std::string node_role_;
  std::unique_ptr<FrameStream> stream_;
  ServingLease lease_;
  std::string known_trouble_;
  bool known_sync_ = false;
  bool grace_ = false;
  Deadline lapse_;
  Deadline retry_;
};

}  // namespace hapair::vrrp
