// -Z: the counters of everything, or of one service and its servers, begin anew.
#include "tools/pairadm/request.h"
#include "tools/pairadm/verbs.h"

namespace hapair::pairadm {

Result<control::Request> zero_request(const Invocation& in, const Names& names) {
  control::Request request;
  control::ZeroRequest& zero = *request.mutable_zero();
  if (names_service(in)) {
    auto key = service_key(in, names);
    if (!key) return tl::unexpected(key.error());
    *zero.mutable_service() = std::move(*key);
  }
  return request;
}

}  // namespace hapair::pairadm
