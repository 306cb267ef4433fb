// check = dns: the server answers a query with NOERROR and at least one record of the type.
#pragma once

#include <random>
#include <string>

#include "lbcore/health/datagram_probe.h"

namespace hapair::lbcore::health {

class DnsProbe final : public DatagramProbe {
 public:
  using DatagramProbe::DatagramProbe;

 private:
  std::string question() override;
  void on_datagram(std::string_view bytes) override;

  std::string query_;
  std::minstd_rand ids_{std::random_device{}()};
};

}  // namespace hapair::lbcore::health
