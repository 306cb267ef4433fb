// -E: changes what is named of a service and keeps the rest.
#include "tools/pairadm/request.h"
#include "tools/pairadm/verbs.h"

namespace hapair::pairadm {

Result<control::Request> edit_service_request(const Invocation& in, const Names& names) {
  auto edit = service_edit(in, names, /*editing=*/true);
  if (!edit) return tl::unexpected(edit.error());
  if (!edit->has_scheduler() && !edit->has_sticky_seconds() && !edit->has_sticky_prefix_length() &&
      !edit->has_one_shot())
    return fail("-E: nothing to change; give -s, -p, -M or -o");
  control::Request request;
  *request.mutable_edit_service() = std::move(*edit);
  return request;
}

}  // namespace hapair::pairadm
