// The socket between the two daemons of a node, <run dir>/role.sock: vrrpd connects and says which
// role this node has; lbcore says whether it serves, as a lease. Its closing is news to both sides.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/control_socket.h"
#include "common/event_loop.h"
#include "common/log.h"
#include "common/rate_limit.h"
#include "lbcore/balancer.h"

namespace hapair::lbcore {

class RoleSocket {
 public:
  /// Throws like ControlServer. `balancer` must outlive this.
  RoleSocket(EventLoop& loop, Logger& log, const std::string& run_dir, Balancer& balancer,
             ControlServer::When when = ControlServer::When::now);
  ~RoleSocket();
  RoleSocket(const RoleSocket&) = delete;
  RoleSocket& operator=(const RoleSocket&) = delete;

  // The move to another process: see ControlServer.
  [[nodiscard]] int listener() const { return server_.listener(); }
  /// vrrpd is neither heard nor told anything from now on. What there is of its connection.
  std::optional<ControlServer::Suspended> suspend();
  void resume();
  void leave() { server_.leave(); }
  /// vrrpd, when it was connected, has said `routers` so far. The balancer's word goes out at once.
  void adopt(UniqueFd listener);
  void adopt(UniqueFd connection, uid_t uid, const FrameStream::Rest& rest,
             std::vector<role::Router> routers);

 private:
  void on_open(ControlConnection& connection);
  void on_message(ControlConnection& connection, std::string_view payload);
  void on_close(const ControlConnection& connection);

  EventLoop& loop_;
  Logger& log_;
  Balancer& balancer_;
  /// A restarted vrrpd may connect before the old connection's end was seen: the newest one counts.
  std::optional<ControlConnection::Id> current_;
  RateLimit bad_messages_{1, 1s};
  ControlServer server_;
};

}  // namespace hapair::lbcore
