#include "lbcore/sticky/session_slab.h"

#include <algorithm>
#include <map>
#include <random>

#include <gtest/gtest.h>

#include "tests/unit/lbcore/sticky/fixture.h"

namespace hapair::lbcore::sticky {
namespace {

using Slot = SessionSlab::Slot;

TEST(SessionSlab, FindsWhatWasAddedAndNothingElse) {
  SessionSlab slab(random_sip_key());
  EXPECT_EQ(slab.find(client(1)), SessionSlab::kNone);
  const Slot slot = slab.add(client(1));
  EXPECT_EQ(slab.find(client(1)), slot);
  EXPECT_EQ(slab[slot].address(), client(1));
  EXPECT_EQ(slab.find(client(2)), SessionSlab::kNone);
  slab.remove(slot);
  EXPECT_EQ(slab.find(client(1)), SessionSlab::kNone);
}

// Many pairs with the same leading bytes: some of them share a bucket.
TEST(SessionSlab, TellsTheFamiliesApart) {
  SessionSlab slab(random_sip_key());
  const auto v6_like = [](const IpAddress& v4) {
    std::array<uint8_t, 16> bytes{};
    std::ranges::copy(v4.bytes(), bytes.begin());
    return IpAddress::from_bytes(std::span<const uint8_t, 16>(bytes));
  };
  for (uint32_t n = 0; n < 1000; ++n) {
    const IpAddress v4 = client(n);
    const IpAddress v6 = v6_like(v4);
    const Slot a = slab.add(v4);
    ASSERT_EQ(slab.find(v6), SessionSlab::kNone);
    const Slot b = slab.add(v6);
    ASSERT_EQ(slab.find(v4), a);
    ASSERT_EQ(slab.find(v6), b);
    ASSERT_EQ(slab[a].address(), v4);
    ASSERT_EQ(slab[b].address(), v6);
    slab.remove(b);
  }
}

// Random additions and removals, through several doublings of the index; slots stay, and are
// reused.
TEST(SessionSlab, KeepsEveryEntryFoundWhileItGrows) {
  SessionSlab slab(random_sip_key());
  std::map<uint32_t, Slot> model;
  std::mt19937 random(7);
  for (int step = 0; step < 60'000; ++step) {
    const uint32_t n = random() % 20'000;
    const auto known = model.find(n);
    if (known == model.end()) {
      model[n] = slab.add(client(n));
    } else if (random() % 4 == 0) {
      slab.remove(known->second);
      model.erase(known);
    }
  }
  EXPECT_EQ(slab.size(), model.size());
  for (uint32_t n = 0; n < 20'000; ++n) {
    const auto known = model.find(n);
    ASSERT_EQ(slab.find(client(n)), known == model.end() ? SessionSlab::kNone : known->second) << n;
  }
  EXPECT_LE(slab.end(), 20'000U);
}

TEST(SessionSlab, ReusesRoom) {
  SessionSlab slab(random_sip_key());
  for (uint32_t round = 0; round < 10; ++round) {
    std::vector<Slot> slots;
    for (uint32_t n = 0; n < 5000; ++n) slots.push_back(slab.add(client(round * 5000 + n)));
    for (const Slot slot : slots) slab.remove(slot);
  }
  EXPECT_EQ(slab.size(), 0U);
  EXPECT_EQ(slab.end(), 5000U);
}

// What is expected changes where the buckets are, never what is found; also when it comes late.
TEST(SessionSlab, MakesRoomAheadForWhatIsExpected) {
  SessionSlab slab(random_sip_key());
  for (uint32_t n = 0; n < 1000; ++n) slab.add(client(n));
  const size_t before = slab.memory_bytes();
  slab.expect(100'000);
  EXPECT_EQ(slab.memory_bytes(), before) << "nothing is taken at a stranger's word";
  for (uint32_t n = 1000; n < 10'000; ++n) slab.add(client(n));
  EXPECT_GT(slab.memory_bytes(), before + 100'000 * sizeof(Slot));
  for (uint32_t n = 10'000; n < 150'000; ++n) slab.add(client(n));
  for (uint32_t n = 0; n < 150'000; ++n) {
    const auto key = slab.hashed(client(n));
    slab.expect_bucket(key);
    slab.expect_entry(key);
    ASSERT_EQ(slab[slab.find(key)].address(), client(n));
  }
  EXPECT_LE(slab.longest_chain(), 16U);
}

// Consecutive addresses are what a client with a whole prefix would use to pile entries up.
TEST(SessionSlab, SpreadsConsecutiveAddresses) {
  SessionSlab slab(SipKey{.k0 = 1, .k1 = 2});
  for (uint32_t n = 0; n < 100'000; ++n) slab.add(client(n));
  EXPECT_LE(slab.longest_chain(), 16U);  // a fair draw gives about 9
}

}  // namespace
}  // namespace hapair::lbcore::sticky
