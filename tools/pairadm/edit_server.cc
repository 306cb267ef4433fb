// -e: changes what is named of a server and keeps the rest.
#include "tools/pairadm/request.h"
#include "tools/pairadm/verbs.h"

namespace hapair::pairadm {

Result<control::Request> edit_server_request(const Invocation& in, const Names& names) {
  auto edit = server_edit(in, names);
  if (!edit) return tl::unexpected(edit.error());
  if (!edit->has_weight() && !edit->has_forward()) return fail("-e: nothing to change; give -w");
  control::Request request;
  *request.mutable_edit_server() = std::move(*edit);
  return request;
}

}  // namespace hapair::pairadm
