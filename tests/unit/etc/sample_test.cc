// The sample that is installed as /etc/hapair/hapair.conf is a valid configuration for both of its
// nodes.
#include <string>

#include <gtest/gtest.h>

#include "lbcore/config.h"
#include "vrrpd/config/config.h"

namespace hapair {
namespace {

class Sample : public ::testing::TestWithParam<const char*> {};

TEST_P(Sample, IsValidForBothDaemons) {
  const auto balancer = lbcore::load_config(HAPAIR_ETC "/hapair.conf", GetParam());
  ASSERT_TRUE(balancer) << balancer.error().message;
  EXPECT_EQ(balancer->spec.pools.at(0).servers.size(), 3U);
  EXPECT_TRUE(balancer->settings.pair);
  const auto routers = vrrp::load_config(HAPAIR_ETC "/hapair.conf", GetParam());
  ASSERT_TRUE(routers) << routers.error().message;
  EXPECT_EQ(routers->routers.size(), 1U);
}

INSTANTIATE_TEST_SUITE_P(BothNodes, Sample, ::testing::Values("lb1", "lb2"));

}  // namespace
}  // namespace hapair
