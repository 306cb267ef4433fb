// A probe by one datagram on a connected UDP socket, so that a refusal (ICMP port unreachable)
// comes back as an error. A lost datagram is a failed probe: `fall` is for that.
#pragma once

#include <string>
#include <string_view>

#include <ev++.h>

#include "common/unique_fd.h"
#include "lbcore/health/probe.h"

namespace hapair::lbcore::health {

class DatagramProbe : public Probe {
 public:
  DatagramProbe(ProbeTools& tools, const Endpoint& server, const CheckSpec& spec, Done done);
  ~DatagramProbe() override;

 protected:
  virtual std::string question() = 0;
  /// May finish; the next datagram is waited for otherwise.
  virtual void on_datagram(std::string_view bytes) = 0;
  void out_of_time() override;

 private:
  void begin() override;
  void release() override;
  void on_readable(ev::io& watcher, int events);
  void failed(int error);

  const Endpoint at_;
  UniqueFd fd_;
  ev::io watcher_;
};

/// check = udp: with `expect`, the answer must contain it; without, the server is up unless it
/// refuses, and silence is fine.
class UdpProbe final : public DatagramProbe {
 public:
  using DatagramProbe::DatagramProbe;

 private:
  std::string question() override;
  void on_datagram(std::string_view bytes) override;
  void out_of_time() override;
};

}  // namespace hapair::lbcore::health
