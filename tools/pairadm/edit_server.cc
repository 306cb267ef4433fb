// -e: changes what is named of a server and keeps the rest.
#include "tools/pairadm/request.h"
#include "tools/pairadm/verbs.h"

namespace hapair::pairadm {

Result<control::Request> edit_server_request(const Invocation& in, const Names& names) {
  auto edit = server_edit(in, names);
  if (!edit) return tl::unexpected(edit.error());
  const bool changes = edit->has_weight() || edit->has_forward() || edit->has_admin() ||
                       edit->has_max_connections() || edit->has_min_connections();
  if (!changes) return fail("-e: nothing to change; give -w, -x, -y or --state");
  control::Request request;
  *request.mutable_edit_server() = std::move(*edit);
  return request;
}

}  // namespace hapair::pairadm
