#include "lbcore/health/exec_probe.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/units.h"
#include "lbcore/health/probe_socket.h"

namespace hapair::lbcore::health {

CommandOrder command_order(const CheckSpec& spec, const Endpoint& server) {
  const Endpoint at = probe_address(server, spec);
  const auto timeout = static_cast<uint32_t>(std::max<int64_t>((spec.timeout + 999us) / 1ms, 1));
  CommandOrder order{.timeout_ms = timeout, .argv = {spec.command}};
  order.argv.insert(order.argv.end(), spec.arguments.begin(), spec.arguments.end());
  order.environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                       "HAPAIR_SERVER_ADDRESS=" + at.ip.to_string(),
                       fmt::format("HAPAIR_SERVER_PORT={}", at.port),
                       fmt::format("HAPAIR_CHECK_TIMEOUT_MS={}", timeout)};
  return order;
}

ProbeResult command_result(const CheckSpec& spec, const CommandEnd* end) {
  using How = CommandEnd::How;
  if (end == nullptr) {
    return {.code = ProbeCode::sockerr, .detail = "the helper for commands died"};
  }
  const auto with_line = [&](const std::string& what) {
    return end->line.empty() ? what : what + ": " + end->line;
  };
  switch (end->how) {
    case How::exited:
      if (end->value == 0) return {.code = ProbeCode::procok, .detail = end->line};
      return {.code = ProbeCode::procerr,
              .detail = with_line(fmt::format("exit status {}", end->value))};
    case How::killed:
      return {.code = ProbeCode::procerr,
              .detail = with_line(fmt::format("died by signal {}", end->value))};
    case How::late:
      return {.code = ProbeCode::proctout,
              .detail = with_line("no end in " + format_duration(spec.timeout))};
    case How::not_started:
      return {.code = ProbeCode::sockerr,
              .detail = fmt::format("cannot run {}: {}", spec.command, reason(end->value))};
  }
  return {};
}

ExecProbe::ExecProbe(ProbeTools& tools, const Endpoint& server, const CheckSpec& spec, Done done)
    : Probe(tools, spec, std::move(done)), order_(command_order(spec, server)) {}

ExecProbe::~ExecProbe() {
  release();
}

void ExecProbe::release() {
  if (id_ != 0) tools().commands.cancel(std::exchange(id_, 0));
}

void ExecProbe::begin() {
  const auto id = tools().commands.run(order_, [this](const CommandEnd* end) { on_end(end); });
  if (!id) return finish(ProbeCode::sockerr, id.error().message);
  id_ = *id;
}

void ExecProbe::on_end(const CommandEnd* end) {
  id_ = 0;
  ProbeResult result = command_result(spec(), end);
  finish(result.code, std::move(result.detail));
}

/// The helper kills it at the same time; one that waited for its turn says nothing of the server.
void ExecProbe::out_of_time() {
  const std::string time = format_duration(spec().timeout);
  if (tools().commands.started(id_)) return finish(ProbeCode::proctout, "no end in " + time);
  finish(ProbeCode::sockerr,
         fmt::format("{} other commands have run for {}", CommandRunner::kMostAtOnce, time));
}

}  // namespace hapair::lbcore::health
