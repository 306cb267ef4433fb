// restore: this node takes part again.
#include "tools/pairadm/json.h"
#include "tools/pairadm/verbs.h"

namespace hapair::pairadm {

int run_restore(const Invocation& in, Shell& shell) {
  control::Request request;
  request.mutable_restore()->set_by(shell.user);
  const auto reply = ask_vrrpd(in, shell, request);
  if (!reply) return reply.error();
  if (in.has(Opt::json)) {
    shell.out << json_text(Json{{"demoted", false}});
  } else {
    shell.out << "restored: this node takes part again\n";
  }
  return kDone;
}

}  // namespace hapair::pairadm
