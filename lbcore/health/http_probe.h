// check = http: the server answers one request with an expected status. The status line is enough;
// what follows it is thrown away (quiet_close.h).
#pragma once

#include <string>

#include "lbcore/health/http_status.h"
#include "lbcore/health/probe.h"

namespace hapair::lbcore::health {

/// The request as it is sent: HTTP/1.1, one connection per check.
std::string check_request(const CheckSpec& spec, const Endpoint& server);

class HttpProbe final : public Probe {
 public:
  HttpProbe(EventLoop& loop, QuietClose& closer, const Endpoint& server, const CheckSpec& spec,
            Done done);

 private:
  void on_connected() override;
  void on_readable() override;
  void on_writable() override;
  void finish_with_status(uint16_t status);

  std::string request_;
  uint16_t expect_from_;
  uint16_t expect_to_;
  size_t sent_ = 0;
  HttpStatusParser answer_;
};

}  // namespace hapair::lbcore::health
