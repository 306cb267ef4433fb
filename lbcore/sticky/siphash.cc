#include "lbcore/sticky/siphash.h"

#include <sys/random.h>

#include "common/result.h"

namespace hapair::lbcore::sticky {

SipKey random_sip_key() {
  SipKey key;
  // Up to 256 bytes are never cut short by a signal once the pool is ready.
  if (::getrandom(&key, sizeof key, 0) != sizeof key) throw_system("get random bytes");
  return key;
}

}  // namespace hapair::lbcore::sticky
