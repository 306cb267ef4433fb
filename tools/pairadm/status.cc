// status: asks both daemons of this node and shows the pair. Works whichever of them is alive.
#include <utility>

#include "tools/pairadm/status_view.h"
#include "tools/pairadm/verbs.h"

namespace hapair::pairadm {

int run_status(const Invocation& in, Shell& shell) {
  control::Request request;
  request.mutable_status();
  Answers answers{.host = shell.host, .vrrpd = {}, .lbcore = {}};

  auto vrrp = shell.ask({.daemon = "vrrpd", .run_dir = in.run_dir, .wait = in.wait}, request);
  if (vrrp && vrrp->has_vrrp())
    answers.vrrpd.said = std::move(*vrrp->mutable_vrrp());
  else
    answers.vrrpd.silence = vrrp ? "vrrpd: " + vrrp->message() : vrrp.error().message;

  auto node = shell.ask({.daemon = "lbcore", .run_dir = in.run_dir, .wait = in.wait}, request);
  if (node && node->has_node())
    answers.lbcore.said = std::move(*node->mutable_node());
  else
    answers.lbcore.silence = node ? "lbcore: " + node->message() : node.error().message;

  const StatusView view = assess(answers);
  shell.out << (in.has(Opt::json) ? status_json(view) : status_text(view));
  return view.healthy() ? kDone : kListFailed;
}

}  // namespace hapair::pairadm
