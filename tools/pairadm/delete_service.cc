// -D: deletes a service, and its pool when no other service uses that.
#include "tools/pairadm/request.h"
#include "tools/pairadm/verbs.h"

namespace hapair::pairadm {

Result<control::Request> delete_service_request(const Invocation& in, const Names& names) {
  auto key = service_key(in, names);
  if (!key) return tl::unexpected(key.error());
  control::Request request;
  *request.mutable_delete_service() = std::move(*key);
  return request;
}

}  // namespace hapair::pairadm
