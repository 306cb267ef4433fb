// check = http, https: the server answers one request with an expected status and, if the check
// says so, with a text in the body. What follows the verdict is thrown away (quiet_close.h).
#pragma once

#include <string>

#include "lbcore/health/http_body.h"
#include "lbcore/health/http_status.h"
#include "lbcore/health/stream_probe.h"

namespace hapair::lbcore::health {

/// The request as it is sent: HTTP/1.1, one connection per check.
std::string check_request(const CheckSpec& spec, const Endpoint& server);

class HttpProbe final : public StreamProbe {
 public:
  HttpProbe(ProbeTools& tools, const Endpoint& server, const CheckSpec& spec, Done done);

 private:
  void on_open() override;
  void on_bytes(std::string_view bytes) override;
  void search_body(std::string_view bytes);
  void body_ended();
  [[nodiscard]] std::string status_text() const;

  std::string request_;
  HttpStatusParser status_;
  HttpBodySearch body_;
};

}  // namespace hapair::lbcore::health
