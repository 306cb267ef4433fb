// demote: takes this node out for maintenance.
#include "tools/pairadm/json.h"
#include "tools/pairadm/verbs.h"

namespace hapair::pairadm {

int run_demote(const Invocation& in, Shell& shell) {
  control::Request request;
  control::DemoteRequest& demote = *request.mutable_demote();
  demote.set_by(shell.user);
  demote.set_force(in.has(Opt::force));
  if (in.has(Opt::reason)) demote.set_reason(in.value(Opt::reason));
  const auto reply = ask_vrrpd(in, shell, request);
  if (!reply) return reply.error();
  if (in.has(Opt::json)) {
    shell.out << json_text(Json{{"demoted", true}});
  } else {
    shell.out << "demoted: this node takes no role until `pairadm restore`\n";
  }
  return kDone;
}

}  // namespace hapair::pairadm
