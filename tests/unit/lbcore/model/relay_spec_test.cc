// The relay's keys through a reload: which value counts, and what the log says.
#include "lbcore/model/relay_spec.h"

#include <gmock/gmock.h>

#include "lbcore/model/reload.h"
#include "lbcore/model/spec_diff.h"
#include "tests/unit/lbcore/model/specs.h"

namespace hapair::lbcore {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(RelaySpec, EachKeyIsMergedOnItsOwn) {
  const ServiceRelay loaded;
  ServiceRelay file;
  file.proxy_header_timeout = 1h;
  ServiceRelay running;
  running.proxy_header_timeout = 1min;
  running.half_closed_timeout = 7s;
  const ServiceRelay merged = merge(loaded, file, running);
  EXPECT_EQ(merged.proxy_header_timeout, 1h) << "changed in the file";
  EXPECT_EQ(merged.half_closed_timeout, 7s) << "changed at run time";
}

TEST(RelaySpec, AReloadTakesWhatTheFileSays) {
  Spec file = test::web();
  file.services[0].relay.proxy_header_timeout = 1h;
  file.pools[0].relay.proxy_protocol = ProxyProtocol::v2;
  EXPECT_EQ(merge_reload(test::web(), file, test::web()), file);
}

TEST(RelaySpec, EveryChangeHasALine) {
  Spec after = test::web();
  after.services[0].relay.proxy_from = {Prefix::parse("10.0.0.0/8").value(),
                                        Prefix::parse("::1").value()};
  after.services[0].relay.half_closed_timeout = 0s;
  after.pools[0].relay.proxy_protocol = ProxyProtocol::v1;
  after.pools[0].relay.transparent = true;
  after.pools[0].relay.source = {IpAddress::parse("10.0.0.101").value()};
  EXPECT_THAT(diff(test::web(), after).lines,
              ElementsAre("service web: proxy_from nobody -> 10.0.0.0/8, ::1/128",
                          "service web: half_closed_timeout default -> 0s",
                          "pool web: proxy_protocol none -> v1", "pool web: transparent no -> yes",
                          "pool web: source none -> 10.0.0.101"));
  EXPECT_THAT(diff(after, after).lines, IsEmpty());
}

}  // namespace
}  // namespace hapair::lbcore
