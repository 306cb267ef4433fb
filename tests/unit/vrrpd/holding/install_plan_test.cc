#include "vrrpd/holding/install_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hapair::vrrp {
namespace {

using testing::ElementsAre;

std::vector<Prefix> addresses(size_t count) {
  std::vector<Prefix> out;
  for (size_t i = 0; i < count; ++i) {
    out.push_back({.ip = IpAddress::v4(0x0a000000U + static_cast<uint32_t>(i)), .length = 32});
  }
  return out;
}

std::vector<size_t> turns(InstallPlan& plan) {
  std::vector<size_t> out;
  while (!plan.done()) out.push_back(plan.next().size());
  return out;
}

TEST(InstallPlan, has_nothing_to_do_at_first) {
  EXPECT_TRUE(InstallPlan().done());
}

TEST(InstallPlan, a_few_addresses_are_one_turn) {
  InstallPlan plan;
  plan.begin(addresses(20));
  EXPECT_FALSE(plan.done());
  EXPECT_THAT(turns(plan), ElementsAre(20));
}

TEST(InstallPlan, many_addresses_are_many_turns_and_each_address_comes_once_in_order) {
  InstallPlan plan;
  const auto all = addresses(70);
  plan.begin(all);
  std::vector<Prefix> seen;
  while (!plan.done()) {
    const auto turn = plan.next();
    seen.insert(seen.end(), turn.begin(), turn.end());
    EXPECT_EQ(plan.given().size(), seen.size());
  }
  EXPECT_EQ(seen, all);
}

TEST(InstallPlan, what_was_lost_comes_first_once) {
  InstallPlan plan;
  const auto all = addresses(70);
  plan.hurry(all[69].ip);
  plan.hurry(all[5].ip);
  EXPECT_TRUE(plan.any_lost());
  EXPECT_EQ(plan.lost(), "10.0.0.5 and 1 more were");
  plan.begin(all);
  EXPECT_FALSE(plan.any_lost());
  const auto first = plan.next();
  EXPECT_EQ(first[0], all[5]);
  EXPECT_EQ(first[1], all[69]);
  EXPECT_EQ(first[2], all[0]);
  EXPECT_THAT(turns(plan), ElementsAre(32, 6));
}

TEST(InstallPlan, a_new_pass_takes_the_place_of_the_old_one_and_still_announces) {
  InstallPlan plan;
  plan.begin(addresses(70));
  plan.next();
  plan.announce();
  plan.begin(addresses(70));  // a renewal in the middle of a takeover
  EXPECT_TRUE(plan.announcing());
  EXPECT_THAT(turns(plan), ElementsAre(32, 32, 6));
  plan.finish();
  EXPECT_FALSE(plan.announcing());
}

TEST(InstallPlan, a_cancelled_pass_owes_nothing) {
  InstallPlan plan;
  plan.hurry(IpAddress::v4(1));
  plan.begin(addresses(70));
  plan.announce();
  plan.cancel();
  EXPECT_TRUE(plan.done());
  EXPECT_FALSE(plan.announcing());
  EXPECT_FALSE(plan.any_lost());
}

}  // namespace
}  // namespace hapair::vrrp
