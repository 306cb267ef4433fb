// Whatever a proxy before us may send: a verdict that more bytes never take back, a length within
// what came, and addresses that can be sent on and read again.
#include "lbcore/relay/proxy_header.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

using hapair::lbcore::ProxyProtocol;
using namespace hapair::lbcore::relay;  // NOLINT(google-build-using-namespace)

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span bytes(reinterpret_cast<const char*>(data), size);
  const ProxyHeader whole = parse_proxy_header(bytes);
  check(whole.mistake.empty() == (whole.state != ProxyHeader::State::malformed));

  // In pieces, the first verdict is the last one.
  ProxyHeader first;
  size_t fed = 0;
  while (first.state == ProxyHeader::State::incomplete && fed <= size) {
    first = parse_proxy_header(bytes.first(fed++));
  }
  check(first.state == whole.state && first.length == whole.length);
  check(first.client == whole.client && first.destination == whole.destination);

  if (whole.state == ProxyHeader::State::incomplete) check(size < kMostProxyHeader);
  if (whole.state != ProxyHeader::State::complete) return 0;
  check(whole.length > 0 && whole.length <= size && whole.length <= kMostProxyHeader);
  if (!whole.has_addresses) return 0;
  for (const auto version : {ProxyProtocol::v1, ProxyProtocol::v2}) {
    std::array<char, kProxyHeaderRoom> out{};
    const size_t length = write_proxy_header(version, whole.client, whole.destination, out);
    check(length > 0 && length <= out.size());
    const ProxyHeader again = parse_proxy_header(std::span<const char>(out).first(length));
    check(again.state == ProxyHeader::State::complete && again.length == length);
    check(again.client == whole.client && again.destination == whole.destination);
  }
  return 0;
}
