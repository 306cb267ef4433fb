// What the verbs that command vrrpd have in common: one request, and the exit code of a refusal.
#include <fmt/format.h>

#include "tools/pairadm/verbs.h"

namespace hapair::pairadm {

namespace {

int exit_code(control::Code code) {
  switch (code) {
    case control::REFUSED:
      return kRefused;
    case control::INVALID:
    case control::UNSUPPORTED:
      return kUsage;
    default:
      return kFailed;
  }
}

}  // namespace

tl::expected<control::Reply, int> ask_vrrpd(const Invocation& in, Shell& shell,
                                            const control::Request& request) {
  auto reply = shell.ask({.daemon = "vrrpd", .run_dir = in.run_dir, .wait = in.wait}, request);
  if (!reply) {
    shell.err << fmt::format("pairadm: {}\n", reply.error().message);
    return tl::unexpected<int>(kFailed);
  }
  if (reply->code() == control::OK) return std::move(*reply);
  shell.err << fmt::format("pairadm: {}{}\n", reply->code() == control::REFUSED ? "refused: " : "",
                           reply->message());
  if (reply->code() == control::REFUSED) shell.err << "pairadm: --force insists\n";
  return tl::unexpected(exit_code(reply->code()));
}

}  // namespace hapair::pairadm
