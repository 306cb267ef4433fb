// check = icmp: the machine answers a ping. Needs the right to send one: a group within
// net.ipv4.ping_group_range, or CAP_NET_RAW; without, the result is SOCKERR and says so.
#pragma once

#include <random>

#include <ev++.h>

#include "common/unique_fd.h"
#include "lbcore/health/probe.h"

namespace hapair::lbcore::health {

class IcmpProbe final : public Probe {
 public:
  IcmpProbe(ProbeTools& tools, const Endpoint& server, const CheckSpec& spec, Done done);

 private:
  void begin() override;
  void out_of_time() override;
  void release() override;
  void on_readable(ev::io& watcher, int events);
  void failed(int error);

  const Endpoint at_;
  const bool v6_;
  UniqueFd fd_;
  bool raw_ = false;
  uint16_t id_ = 0;
  uint16_t sequence_ = 0;
  std::minstd_rand random_{std::random_device{}()};
  ev::io watcher_;
};

}  // namespace hapair::lbcore::health
