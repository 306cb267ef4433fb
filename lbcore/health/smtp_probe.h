// check = smtp: the server greets with 220 and takes EHLO with 250. Leaves with QUIT.
#pragma once

#include "lbcore/health/smtp_reply.h"
#include "lbcore/health/stream_probe.h"

namespace hapair::lbcore::health {

class SmtpProbe final : public StreamProbe {
 public:
  using StreamProbe::StreamProbe;

 private:
  void on_open() override;
  void on_bytes(std::string_view bytes) override;
  void on_reply(uint16_t code);

  bool greeted_ = false;
  SmtpReply reply_;
};

}  // namespace hapair::lbcore::health
