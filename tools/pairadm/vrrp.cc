// vrrp: everything that vrrpd of this node knows about its routers.
#include <algorithm>

#include <fmt/format.h>

#include "tools/pairadm/verbs.h"
#include "tools/pairadm/vrrp_view.h"

namespace hapair::pairadm {

int run_vrrp(const Invocation& in, Shell& shell) {
  control::Request request;
  request.mutable_status();
  auto reply = ask_vrrpd(in, shell, request);
  if (!reply) return reply.error();
  control::VrrpStatus& status = *reply->mutable_vrrp();
  if (!in.operands.empty()) {
    auto& routers = *status.mutable_routers();
    const auto others = std::remove_if(routers.begin(), routers.end(), [&](const auto& router) {
      return router.router().name() != in.operands.front();
    });
    routers.erase(others, routers.end());
    if (routers.empty()) {
      shell.err << fmt::format("pairadm: no such router: {}\n", in.operands.front());
      return kFailed;
    }
  }
  shell.out << (in.has(Opt::json) ? vrrp_json(status) : vrrp_text(status));
  return kDone;
}

}  // namespace hapair::pairadm
