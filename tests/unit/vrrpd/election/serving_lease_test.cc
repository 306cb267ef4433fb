// lbcore's word and how long it counts.
#include "vrrpd/election/serving_lease.h"

#include <gtest/gtest.h>

namespace hapair::vrrp {
namespace {

constexpr TimePoint kStart{1000s};

ServingLease::Word serving() {
  return {.serving = true, .reason = "", .lease = 500ms, .in_sync = true};
}

TEST(ServingLease, nobody_connected_does_not_serve) {
  const ServingLease lease;
  EXPECT_FALSE(lease.serving());
  EXPECT_EQ(lease.trouble(), "it is not running");
}

TEST(ServingLease, counts_while_it_runs_and_not_a_moment_longer) {
  ServingLease lease;
  lease.renew(serving(), kStart);
  EXPECT_TRUE(lease.serving());
  EXPECT_TRUE(lease.in_sync());
  EXPECT_EQ(lease.lapses_at(), kStart + 500ms);
  lease.check(kStart + 499ms);
  EXPECT_TRUE(lease.serving());
  lease.check(kStart + 500ms);
  EXPECT_FALSE(lease.serving());
  EXPECT_FALSE(lease.in_sync());
  EXPECT_EQ(lease.trouble(), "it does not answer");
}

TEST(ServingLease, a_renewal_starts_it_anew_even_after_it_lapsed) {
  ServingLease lease;
  lease.renew(serving(), kStart);
  lease.check(kStart + 600ms);
  lease.renew(serving(), kStart + 700ms);
  EXPECT_TRUE(lease.serving());
  lease.check(kStart + 1100ms);
  EXPECT_TRUE(lease.serving());
}

TEST(ServingLease, a_no_carries_its_reason) {
  ServingLease lease;
  lease.renew({.serving = false, .reason = "worker 1 hangs", .lease = 500ms}, kStart);
  EXPECT_FALSE(lease.serving());
  EXPECT_EQ(lease.trouble(), "worker 1 hangs");
}

TEST(ServingLease, a_closed_socket_ends_it_at_once) {
  ServingLease lease;
  lease.renew(serving(), kStart);
  lease.disconnect();
  EXPECT_FALSE(lease.serving());
  EXPECT_EQ(lease.trouble(), "it is not running");
}

}  // namespace
}  // namespace hapair::vrrp
