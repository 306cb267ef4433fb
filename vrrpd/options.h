// The command line of vrrpd, as every part of the daemon sees it.
#pragma once

#include <string>

#include "common/control_socket.h"

namespace hapair::vrrp {

struct Options {
  std::string config = "/etc/hapair/hapair.conf";
  std::string node;  // default: host name
  std::string run_dir{kDefaultRunDir};
  std::string state_dir = "/var/lib/hapair";
};

}  // namespace hapair::vrrp
