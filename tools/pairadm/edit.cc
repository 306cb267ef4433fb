// The common second half of -A -E -D -a -e -d -C: send the request, tell the outcome.
#include <fmt/format.h>

#include "tools/pairadm/verbs.h"

namespace hapair::pairadm {

namespace {

/// What the operator asked for makes no sense or is not offered: a usage error, found by the
/// daemon.
bool is_usage(control::Code code) {
  return code == control::INVALID || code == control::UNSUPPORTED;
}

}  // namespace

int run_edit(const Invocation& in, Shell& shell) {
  const auto request = in.command->request(in, shell.names);
  if (!request) {
    shell.err << fmt::format("pairadm: {}\n", request.error().message);
    return kUsage;
  }
  const auto reply =
      shell.ask({.daemon = "lbcore", .run_dir = in.run_dir, .wait = in.wait}, *request);
  if (!reply) {
    shell.err << fmt::format("pairadm: {}\n", reply.error().message);
    return kFailed;
  }
  if (reply->code() != control::OK) {
    shell.err << fmt::format("pairadm: {}\n", reply->message());
    return is_usage(reply->code()) ? kUsage : kFailed;
  }
  if (!reply->message().empty()) shell.err << fmt::format("pairadm: note: {}\n", reply->message());
  return kDone;
}

}  // namespace hapair::pairadm
