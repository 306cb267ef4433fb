// -A: a new service, with a pool of its own.
#include "tools/pairadm/request.h"
#include "tools/pairadm/verbs.h"

namespace hapair::pairadm {

Result<control::Request> add_service_request(const Invocation& in, const Names& names) {
  auto edit = service_edit(in, names, /*editing=*/false);
  if (!edit) return tl::unexpected(edit.error());
  control::Request request;
  *request.mutable_add_service() = std::move(*edit);
  return request;
}

}  // namespace hapair::pairadm
