// check = exec: a command of the operator's decides, run by the helper (command_runner.h). Its exit
// status counts, 0 for well; the first line that it writes is shown.
#pragma once

#include <string>

#include "lbcore/health/command_message.h"
#include "lbcore/health/probe.h"

namespace hapair::lbcore::health {

/// The program with its arguments, and what it learns of the server: HAPAIR_SERVER_ADDRESS,
/// HAPAIR_SERVER_PORT and HAPAIR_CHECK_TIMEOUT_MS.
CommandOrder command_order(const CheckSpec& spec, const Endpoint& server);

/// What a command's end says of the server; `end` null: its helper died.
ProbeResult command_result(const CheckSpec& spec, const CommandEnd* end);

class ExecProbe final : public Probe {
 public:
  ExecProbe(ProbeTools& tools, const Endpoint& server, const CheckSpec& spec, Done done);
  ~ExecProbe() override;

 private:
  void begin() override;
  void out_of_time() override;
  void release() override;
  void on_end(const CommandEnd* end);

  const CommandOrder order_;
  uint32_t id_ = 0;  // of the command that runs; 0: none
};

}  // namespace hapair::lbcore::health
