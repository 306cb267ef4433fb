// -d: deletes a server of a service.
#include "tools/pairadm/request.h"
#include "tools/pairadm/verbs.h"

namespace hapair::pairadm {

Result<control::Request> delete_server_request(const Invocation& in, const Names& names) {
  auto key = server_key(in, names);
  if (!key) return tl::unexpected(key.error());
  control::Request request;
  *request.mutable_delete_server() = std::move(*key);
  return request;
}

}  // namespace hapair::pairadm
