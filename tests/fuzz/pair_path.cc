// Whatever reaches the pair path's port, and whatever a peer with the key could send: decode() must
// answer with a message or a reason, and what it accepts must survive being encoded and decoded
// again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "vrrpd/pair_path/path.h"
#include "vrrpd/wire/authentic.h"

using namespace hapair;        // NOLINT: a fuzz target is all about these two
using namespace hapair::vrrp;  // NOLINT

namespace {

void again(const std::vector<uint8_t>& datagram, const MacKey& key) {
  const auto decoded = decode(datagram, key);
  if (!decoded) {
    if (name(decoded.error()) == "unknown") std::abort();
    return;
  }
  const auto twice = decode(encode(*decoded, key), key);
  if (!twice || *twice != *decoded) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const PairKey pair{1, 2, 3};
  static const MacKey key = path_key(pair, "lb1");
  std::vector<uint8_t> bytes(data, data + size);
  again(bytes, key);

  // Signed, which reaches deeper.
  const MacTag tag = authenticate(key, bytes);
  std::vector<uint8_t> authentic = bytes;
  authentic.insert(authentic.end(), tag.begin(), tag.end());
  again(authentic, key);
  Life life(1);
  Path path(pair, "lb2", "lb1", life);
  (void)path.compose({}, true, TimePoint(1s));
  (void)path.receive(authentic, TimePoint(1s));

  const Datagram datagram{
      .envelope = {.source = IpAddress::v4(1), .destination = IpAddress::v4(2), .ttl = kTtl},
      .message = bytes};
  (void)open_seal(datagram, {&key, 1});
  return 0;
}
