// The exchange of runtime changes between two nodes over a wire that keeps order.
#include "lbcore/replicate/record_exchange.h"

#include <gtest/gtest.h>

#include "tests/unit/lbcore/model/specs.h"

namespace hapair::lbcore::replicate {
namespace {

using lbcore::test::web;

Spec with_weight(size_t server, uint32_t weight, Spec spec = web()) {
  spec.pools[0].servers[server].weight = weight;
  return spec;
}

struct Node {
  explicit Node(bool wins, TimePoint born = TimePoint{})
      : prefer_ours(wins), exchange(records, born) {}

  void runs(const Spec& running) { exchange.changed(records.note(web(), running)); }
  [[nodiscard]] uint32_t weight(size_t server) const {
    return records.spec(web()).pools[0].servers[server].weight;
  }

  bool prefer_ours;
  RuntimeRecords records;
  RecordExchange exchange;
};

class RecordExchangeTest : public testing::Test {
 protected:
  void meet() {
    one.exchange.connected(now);
    two.exchange.connected(now);
  }
  void part() {
    one.exchange.disconnected();
    two.exchange.disconnected();
  }
  /// Everything that is said arrives; how many batches there were.
  size_t talk() {
    size_t batches = 0;
    for (bool any = true; any;) {
      any = pass(one, two);
      any |= pass(two, one);
      batches += any ? 1 : 0;
    }
    return batches;
  }
  bool pass(Node& from, Node& to) {
    const auto batch = from.exchange.next(now);
    if (!batch) return false;
    runtime::RecordBatch arrived;
    EXPECT_TRUE(arrived.ParseFromString(batch->SerializeAsString()));
    changed = to.exchange.received(arrived, to.prefer_ours, now) || changed;
    return true;
  }
  void expect_agreed() {
    EXPECT_TRUE(one.exchange.agreed());
    EXPECT_TRUE(two.exchange.agreed());
    EXPECT_EQ(one.records.digest(), two.records.digest());
  }

  TimePoint now = TimePoint{} + 1h;
  Node one{true};
  Node two{false};
  bool changed = false;
};

TEST_F(RecordExchangeTest, NothingIsAgreedUponBeforeThePeerHasSpoken) {
  EXPECT_FALSE(one.exchange.agreed());
  meet();
  EXPECT_FALSE(one.exchange.agreed());
  talk();
  expect_agreed();
  EXPECT_FALSE(changed);
  EXPECT_EQ(talk(), 0U) << "nothing more to say";
  part();
  EXPECT_FALSE(one.exchange.agreed());
}

TEST_F(RecordExchangeTest, AChangeIsOnTheOtherNodeAtOnce) {
  meet();
  talk();
  one.runs(with_weight(0, 7));
  EXPECT_FALSE(one.exchange.agreed());
  talk();
  EXPECT_TRUE(changed);
  EXPECT_EQ(two.weight(0), 7U);
  expect_agreed();
}

TEST_F(RecordExchangeTest, WhoWasAwayGetsEverything) {
  one.runs(with_weight(0, 7));
  one.runs(with_weight(1, 8, with_weight(0, 7)));
  meet();
  talk();
  EXPECT_EQ(two.weight(0), 7U);
  EXPECT_EQ(two.weight(1), 8U);
  expect_agreed();
}

TEST_F(RecordExchangeTest, AfterASplitBothHaveTheSame) {
  meet();
  talk();
  part();
  one.runs(with_weight(0, 5));
  two.runs(with_weight(0, 6));
  two.runs(with_weight(1, 8, with_weight(0, 6)));
  two.runs(with_weight(1, 9, with_weight(0, 6)));
  meet();
  talk();
  EXPECT_EQ(one.weight(0), 5U) << "the same version: that of the one who wins ties";
  EXPECT_EQ(one.weight(1), 9U);
  EXPECT_EQ(two.records.spec(web()), one.records.spec(web()));
  expect_agreed();
}

TEST_F(RecordExchangeTest, ANewcomerTakesWhatThePeerHasAndBringsNothingAlong) {
  two.runs(with_weight(1, 8));
  Node newcomer(true, now);
  newcomer.records.begin(web(), with_weight(0, 7));  // from a file of long ago
  EXPECT_EQ(newcomer.weight(0), 7U);
  newcomer.exchange.connected(now);
  two.exchange.connected(now);
  for (bool any = true; any;) {
    any = pass(newcomer, two);
    any |= pass(two, newcomer);
  }
  EXPECT_EQ(newcomer.weight(0), 1U);
  EXPECT_EQ(newcomer.weight(1), 8U);
  EXPECT_EQ(two.weight(0), 1U);
  EXPECT_EQ(newcomer.records.digest(), two.records.digest());
  EXPECT_TRUE(newcomer.exchange.agreed());
  EXPECT_TRUE(two.exchange.agreed());
}

TEST_F(RecordExchangeTest, TwoNewcomersBringTheirFilesTogether) {
  Node first(true, now);
  Node second(false, now);
  first.records.begin(web(), with_weight(0, 7));
  second.records.begin(web(), with_weight(1, 8));
  first.exchange.connected(now);
  second.exchange.connected(now);
  for (bool any = true; any;) {
    any = pass(first, second);
    any |= pass(second, first);
  }
  EXPECT_EQ(first.weight(0), 7U);
  EXPECT_EQ(first.weight(1), 8U);
  EXPECT_EQ(first.records.digest(), second.records.digest());
}

TEST_F(RecordExchangeTest, ThousandsComeInBatchesAndCountOnlyWhenAllAreHere) {
  Spec many = web();
  for (int i = 0; i < 2000; ++i) {
    const std::string address = fmt::format("10.9.{}.{}:80", i / 250, i % 250);
    many.pools[0].servers.push_back(lbcore::test::server(address, address));
  }
  one.runs(many);
  meet();
  ASSERT_TRUE(pass(one, two));
  EXPECT_EQ(two.records.size(), 0U);
  EXPECT_GT(talk(), 1U);
  EXPECT_EQ(two.records.size(), 2000U);
  EXPECT_EQ(two.records.spec(web()), one.records.spec(web()));
  expect_agreed();
}

TEST_F(RecordExchangeTest, ADifferenceThatShouldNotBeIsRepaired) {
  meet();
  talk();
  one.runs(with_weight(0, 7));
  const auto lost = one.exchange.next(now);  // as if a mistake of ours had dropped it
  ASSERT_TRUE(lost);
  one.runs(with_weight(1, 7, with_weight(0, 7)));
  talk();
  EXPECT_FALSE(two.exchange.agreed());
  EXPECT_EQ(two.weight(0), 1U);
  now += 1500ms;
  talk();
  EXPECT_EQ(two.weight(0), 7U);
  expect_agreed();
}

}  // namespace
}  // namespace hapair::lbcore::replicate
