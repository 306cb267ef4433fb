// The parts of a process that an upgrade is about: the old one gives them away, the new one fills
// its own with them.
#pragma once

#include "common/control_socket.h"
#include "common/event_loop.h"
#include "common/log.h"
#include "common/process.h"
#include "lbcore/balancer.h"
#include "lbcore/role_socket.h"

namespace hapair::lbcore::upgrade {

struct Estate {
  EventLoop& loop;
  Logger& log;
  Balancer& balancer;
  ControlServer& control;
  RoleSocket& role;
  const InstanceLock& lock;
};

}  // namespace hapair::lbcore::upgrade
