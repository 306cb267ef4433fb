// Clients in / who is counted, let in, refused.
#include "lbcore/limit/source_table.h"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace hapair::lbcore::limit {
namespace {

using Verdict = SourceTable::Verdict;

const TimePoint kStart{1000s};

IpAddress ip(const std::string& text) {
  return IpAddress::parse(text).value();
}

TEST(SourceTable, EachClientHasItsOwnConnections) {
  SourceTable table;
  const SourceTable::Limits two{.connections = 2};
  EXPECT_EQ(table.take(ip("10.0.0.1"), two, kStart), Verdict::counted);
  EXPECT_EQ(table.take(ip("10.0.0.1"), two, kStart), Verdict::counted);
  EXPECT_EQ(table.take(ip("10.0.0.1"), two, kStart), Verdict::connections);
  EXPECT_EQ(table.take(ip("10.0.0.2"), two, kStart), Verdict::counted);
  table.give_back(ip("10.0.0.1"));
  EXPECT_EQ(table.open(ip("10.0.0.1")), 1U);
  EXPECT_EQ(table.take(ip("10.0.0.1"), two, kStart), Verdict::counted);
}

TEST(SourceTable, EachClientHasItsOwnRate) {
  SourceTable table;
  const SourceTable::Limits slow{.rate = 2};
  for (const char* client : {"10.0.0.1", "10.0.0.2"}) {
    EXPECT_EQ(table.take(ip(client), slow, kStart), Verdict::counted);
    EXPECT_EQ(table.take(ip(client), slow, kStart), Verdict::counted);
    EXPECT_EQ(table.take(ip(client), slow, kStart), Verdict::rate);
    EXPECT_EQ(table.take(ip(client), slow, kStart + 500ms), Verdict::counted);
  }
}

TEST(SourceTable, WhatAClientDidOnTheOtherNodeIsAddedToWhatItDoesHere) {
  SourceTable there;
  SourceTable here;
  const SourceTable::Limits four{.rate = 4};
  for (int i = 0; i < 4; ++i) there.take(ip("10.0.0.1"), four, kStart);
  there.take(ip("10.0.0.2"), four, kStart);
  there.take(ip("2001:db8::1"), four, kStart);
  EXPECT_EQ(there.debtors(9, kStart).size(), 3U);
  const auto worst = there.debtors(1, kStart);
  ASSERT_EQ(worst.size(), 1U);
  EXPECT_EQ(worst[0].debt, 1s);
  EXPECT_TRUE(there.debtors(9, kStart + 1s).empty()) << "forgiven";

  here.take(ip("10.0.0.2"), four, kStart);
  for (const auto& debtor : there.debtors(9, kStart)) here.add_debt(debtor, kStart);
  EXPECT_EQ(here.take(ip("10.0.0.1"), four, kStart), Verdict::rate);
  EXPECT_EQ(here.take(ip("10.0.0.1"), four, kStart + 250ms), Verdict::counted);
  EXPECT_EQ(here.take(ip("10.0.0.2"), four, kStart), Verdict::counted) << "one there, one here";
  EXPECT_EQ(here.take(ip("10.0.0.2"), four, kStart), Verdict::counted);
  EXPECT_EQ(here.take(ip("10.0.0.2"), four, kStart), Verdict::rate);
  EXPECT_EQ(here.take(ip("2001:db8::9"), four, kStart), Verdict::counted) << "the same subscriber";
}

TEST(SourceTable, ARefusedConnectionIsNotCounted) {
  SourceTable table;
  const SourceTable::Limits limits{.connections = 5, .rate = 1};
  EXPECT_EQ(table.take(ip("10.0.0.1"), limits, kStart), Verdict::counted);
  EXPECT_EQ(table.take(ip("10.0.0.1"), limits, kStart), Verdict::rate);
  EXPECT_EQ(table.open(ip("10.0.0.1")), 1U);
}

TEST(SourceTable, AnIpv6SubscriberIsItsNetwork) {
  SourceTable table;
  const SourceTable::Limits one{.connections = 1};
  EXPECT_EQ(table.take(ip("2001:db8::1"), one, kStart), Verdict::counted);
  EXPECT_EQ(table.take(ip("2001:db8::ffff:ffff:ffff:ffff"), one, kStart), Verdict::connections);
  EXPECT_EQ(table.take(ip("2001:db8:0:1::1"), one, kStart), Verdict::counted);
  EXPECT_EQ(table.take(ip("0.0.0.0"), one, kStart), Verdict::counted);
  EXPECT_EQ(table.take(ip("::"), one, kStart), Verdict::counted) << "another family";
}

/// Eight places and nothing else.
class SmallSourceTable : public ::testing::Test {
 protected:
  static IpAddress client(uint32_t number) { return IpAddress::v4(0x0a000000 + number); }
  const SourceTable::Limits limits{.connections = 1, .rate = 1};
  SourceTable table{8};
};

TEST_F(SmallSourceTable, WhoHasConnectionsIsNeverForgotten) {
  for (uint32_t i = 0; i < 8; ++i) {
    EXPECT_EQ(table.take(client(i), limits, kStart), Verdict::counted);
  }
  EXPECT_EQ(table.take(client(8), limits, kStart), Verdict::uncounted);
  EXPECT_EQ(table.take(client(8), limits, kStart), Verdict::uncounted);
  EXPECT_EQ(table.take(client(0), limits, kStart), Verdict::connections);
  EXPECT_EQ(table.open(client(8)), 0U);
}

TEST_F(SmallSourceTable, WhoWasQuietForLongestMakesRoom) {
  for (uint32_t i = 0; i < 8; ++i) table.take(client(i), limits, kStart + i * 1ms);
  for (uint32_t i = 0; i < 8; ++i) {
    if (i != 1) table.give_back(client(i));
  }
  EXPECT_EQ(table.take(client(8), limits, kStart + 10ms), Verdict::counted);
  EXPECT_EQ(table.take(client(9), limits, kStart + 10ms), Verdict::counted);
  EXPECT_EQ(table.take(client(1), limits, kStart + 10ms), Verdict::connections) << "has one open";
  EXPECT_EQ(table.take(client(3), limits, kStart + 10ms), Verdict::rate) << "still remembered";
  EXPECT_EQ(table.take(client(0), limits, kStart + 10ms), Verdict::counted) << "forgotten";
}

TEST(SourceTable, ExactOverThreads) {
  SourceTable table;
  const SourceTable::Limits hundred{.connections = 100};
  std::atomic<int> counted{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 1000; ++n) {
        if (table.take(ip("10.0.0.1"), hundred, kStart) == Verdict::counted) ++counted;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counted, 100);
  EXPECT_EQ(table.open(ip("10.0.0.1")), 100U);
}

}  // namespace
}  // namespace hapair::lbcore::limit
