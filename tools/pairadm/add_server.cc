// -a: a new server for a service.
#include "tools/pairadm/request.h"
#include "tools/pairadm/verbs.h"

namespace hapair::pairadm {

Result<control::Request> add_server_request(const Invocation& in, const Names& names) {
  auto edit = server_edit(in, names);
  if (!edit) return tl::unexpected(edit.error());
  control::Request request;
  *request.mutable_add_server() = std::move(*edit);
  return request;
}

}  // namespace hapair::pairadm
