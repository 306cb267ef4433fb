// Connections in / which are in the set.
#include "lbcore/orphans/ends_set.h"

#include <random>
#include <unordered_set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/lbcore/orphans/ends.h"

namespace hapair::lbcore::orphans::test {
namespace {

using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

const Ends kFour = ends("10.0.0.100:80", "10.1.0.1:5000");
const Ends kSix = ends("[2001:db8::100]:80", "[2001:db8::1]:5000");

TEST(EndsSet, HasWhatWasAddedAndNotRemoved) {
  EndsSet set(10);
  EXPECT_FALSE(set.contains(kFour));
  EXPECT_FALSE(set.remove(kFour));
  EXPECT_TRUE(set.add(kFour));
  EXPECT_TRUE(set.add(kSix));
  EXPECT_TRUE(set.add(kFour)) << "once more changes nothing";
  EXPECT_THAT(set.all(), UnorderedElementsAre(kFour, kSix));
  EXPECT_TRUE(set.remove(kFour));
  EXPECT_FALSE(set.contains(kFour));
  EXPECT_TRUE(set.contains(kSix));
  EXPECT_EQ(set.size(), 1U);
  set.clear();
  EXPECT_THAT(set.all(), IsEmpty());
}

TEST(EndsSet, TellsApartEveryPartOfTheEnds) {
  EndsSet set(10);
  set.add(kFour);
  for (const Ends& other :
       {ends("10.0.0.101:80", "10.1.0.1:5000"), ends("10.0.0.100:81", "10.1.0.1:5000"),
        ends("10.0.0.100:80", "10.1.0.2:5000"), ends("10.0.0.100:80", "10.1.0.1:5001")}) {
    EXPECT_FALSE(set.contains(other)) << ::testing::PrintToString(other);
    EXPECT_TRUE(set.add(other));
  }
  EXPECT_EQ(set.size(), 5U);
}

TEST(EndsSet, RefusesWhatFindsNoRoomAndTwoFamilies) {
  EndsSet set(2);
  EXPECT_TRUE(set.add(client(1)));
  EXPECT_TRUE(set.add(client(2)));
  EXPECT_FALSE(set.add(client(3)));
  EXPECT_TRUE(set.add(client(2))) << "it has its place";
  set.remove(client(1));
  EXPECT_TRUE(set.add(client(3)));
  EXPECT_FALSE(EndsSet(2).add({kFour.ours, kSix.theirs}));
}

TEST(EndsSet, HasRoomForSoManyAddressesOfOursAtATime) {
  EndsSet set(10'000);
  const auto of = [](uint32_t i) {
    return Ends{{IpAddress::v4(0x0a000000 + i), 80}, {IpAddress::v4(0x0b000000), 1}};
  };
  for (uint32_t i = 0; i < EndsSet::kMostAddresses; ++i) ASSERT_TRUE(set.add(of(i)));
  EXPECT_FALSE(set.add(of(EndsSet::kMostAddresses)));
  set.remove(of(7));
  EXPECT_TRUE(set.add(of(EndsSet::kMostAddresses)));
  EXPECT_FALSE(set.contains(of(7)));
}

TEST(EndsSet, GivesThoseOfAnAddress) {
  EndsSet set(10);
  set.add(kFour);
  set.add(kSix);
  EXPECT_THAT(set.take([](const IpAddress&) { return false; }), IsEmpty());
  EXPECT_THAT(set.take([](const IpAddress& ours) { return ours == kSix.ours.ip; }),
              UnorderedElementsAre(kSix));
  EXPECT_THAT(set.all(), UnorderedElementsAre(kFour));
}

// Beside a set that is trusted, through growth, removals and displaced neighbours.
TEST(EndsSet, IsASet) {
  std::minstd_rand random(7);
  EndsSet set(3000, {1, 2});
  std::unordered_set<uint32_t> known;
  for (int step = 0; step < 60'000; ++step) {
    const auto i = static_cast<uint32_t>(random() % 4000);
    if (random() % 5 < 3) {
      const bool room = known.contains(i) || known.size() < 3000;
      ASSERT_EQ(set.add(client(i)), room);
      if (room) known.insert(i);
    } else {
      ASSERT_EQ(set.remove(client(i)), known.erase(i) == 1);
    }
    ASSERT_EQ(set.size(), known.size());
  }
  for (uint32_t i = 0; i < 4000; ++i) ASSERT_EQ(set.contains(client(i)), known.contains(i)) << i;
  EXPECT_EQ(set.all().size(), known.size());
}

}  // namespace
}  // namespace hapair::lbcore::orphans::test
