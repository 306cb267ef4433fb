// -C: deletes every service and pool.
#include "tools/pairadm/verbs.h"

namespace hapair::pairadm {

Result<control::Request> clear_request(const Invocation&, const Names&) {
  control::Request request;
  request.mutable_clear();
  return request;
}

}  // namespace hapair::pairadm
