// Connections in / what the other node is told of them.
#include "lbcore/relay/long_lived.h"

#include <mutex>

#include <gmock/gmock.h>

#include "tests/unit/lbcore/relay/worker_fixture.h"

namespace hapair::lbcore::relay::test {
namespace {

using orphans::Ends;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class LongLivedTest : public WorkerTest {
 protected:
  void SetUp() override {
    WorkerTest::SetUp();
    worker = std::make_unique<Worker>(log, sessions, budget, 0, nullptr,
                                      [this](const std::vector<orphans::Change>& changes) {
                                        const std::lock_guard lock(mutex_);
                                        for (const auto& change : changes) {
                                          auto& list = change.open ? opened_ : over_;
                                          list.push_back(change.ends);
                                        }
                                      });
  }
  void TearDown() override { worker.reset(); }

  std::vector<Ends> opened() {
    const std::lock_guard lock(mutex_);
    return opened_;
  }
  std::vector<Ends> over() {
    const std::lock_guard lock(mutex_);
    return over_;
  }
  ::testing::AssertionResult wait_opened(size_t count) {
    return eventually(
        5s, [&] { return opened().size() == count; }, "told");
  }
  [[nodiscard]] Ends ends(const Stream& client) const {
    return {.ours = spec.services[0].listen, .theirs = local_endpoint(client.fd())};
  }

 private:
  std::mutex mutex_;
  std::vector<Ends> opened_;
  std::vector<Ends> over_;
};

TEST_F(LongLivedTest, TellsOfConnectionsThatStayOpenAndOfTheirEnd) {
  publish();
  Stream first = connect();
  Stream second = connect();
  const Ends one = ends(first);
  const Ends two = ends(second);
  ASSERT_TRUE(wait_opened(2));
  EXPECT_THAT(opened(), UnorderedElementsAre(one, two));
  Stream third = connect();
  const Ends three = ends(third);
  ASSERT_TRUE(wait_opened(3));
  EXPECT_EQ(opened().back(), three);
  EXPECT_THAT(over(), IsEmpty());
  second.reset();
  third.reset();
  EXPECT_TRUE(eventually(5s, [&] { return over().size() == 2; }));
  EXPECT_THAT(over(), UnorderedElementsAre(two, three));
}

TEST_F(LongLivedTest, ShortConnectionsAreNotWorthAWord) {
  publish();
  Stream before = connect();
  for (int i = 0; i < 20; ++i) {
    Stream client = connect();
    client.reset();
  }
  Stream after = connect();
  // On a machine that stands still, short ones may be told as well: then also of their end.
  ASSERT_TRUE(eventually(5s, [&] {
    return opened().size() == 2 + over().size() && !opened().empty() &&
           opened().back() == ends(after);
  }));
  EXPECT_EQ(opened().front(), ends(before));
  EXPECT_LT(over().size(), 20U);
}

TEST_F(LongLivedTest, TellsTheAddressesThatTheClientsSystemKnows) {
  spec.services[0].listen.ip = IpAddress::parse("0.0.0.0").value();
  spec.services[0].relay.proxy_from = {Prefix::parse("127.0.0.0/8").value()};
  publish();
  Stream client = Stream::to(loopback(spec.services[0].listen.port));
  client.say("PROXY TCP4 198.51.100.1 10.0.0.1 4321 80\r\n");
  ASSERT_TRUE(wait_opened(1));
  const Ends one{.ours = loopback(spec.services[0].listen.port),
                 .theirs = local_endpoint(client.fd())};
  EXPECT_THAT(opened(), UnorderedElementsAre(one));
  client.reset();
  EXPECT_TRUE(eventually(5s, [&] { return over().size() == 1; }));
  EXPECT_THAT(over(), UnorderedElementsAre(one));
}

}  // namespace
}  // namespace hapair::lbcore::relay::test
