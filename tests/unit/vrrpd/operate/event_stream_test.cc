// Events: numbered, bounded, and a follower that does not read is told so and cut off.
#include "vrrpd/operate/event_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/schema/control.pb.h"
#include "tests/support/files.h"

namespace hapair::vrrp {
namespace {

EventRecord event(std::string reason) {
  return {.router = "main", .from = {}, .to = {}, .reason = std::move(reason)};
}

TEST(EventRing, numbers_and_forgets) {
  EventRing ring;
  for (size_t i = 0; i < EventRing::kRemembered + 10; ++i) ring.add(event("x"));
  EXPECT_EQ(ring.events().size(), EventRing::kRemembered);
  EXPECT_EQ(ring.events().front().sequence, 11U);
  EXPECT_EQ(ring.events().back().sequence, EventRing::kRemembered + 10);
}

class Stream : public testing::Test {
 protected:
  Stream()
      : server_(loop_, log_, dir_ / "s",
                {.on_open = {},
                 .on_message = [this](ControlConnection& from,
                                      std::string_view) { stream_.begin(from, follow_); },
                 .on_close = [this](ControlConnection& gone) { stream_.forget(gone.id()); }}),
        stream_(server_) {}

  ControlClient ask(bool follow) {
    follow_ = follow;
    auto client = ControlClient::connect(dir_ / "s");
    EXPECT_TRUE(client);
    EXPECT_TRUE(client->send("events", 1s));
    loop_.run_once();  // accepts
    loop_.run_once();  // answers
    return std::move(*client);
  }
  /// The next reply; the server may have more to write.
  control::Reply next(ControlClient& client) {
    loop_.poll();
    const auto bytes = client.receive(1s);
    control::Reply reply;
    if (!bytes || !reply.ParseFromString(*bytes)) reply.set_message("no reply");
    return reply;
  }

  test::TempDir dir_;
  EventLoop loop_;
  Logger log_{"test"};
  bool follow_ = false;
  ControlServer server_;
  EventStream stream_;
};

TEST_F(Stream, tells_what_is_remembered_and_marks_the_last) {
  stream_.add(event("one"));
  stream_.add(event("two"));
  ControlClient client = ask(false);
  const control::Reply one = next(client);
  EXPECT_EQ(one.event().sequence(), 1U);
  EXPECT_EQ(one.event().kind(), "state");
  EXPECT_EQ(one.event().reason(), "one");
  EXPECT_GT(one.event().unix_ms(), 1'700'000'000'000);
  EXPECT_FALSE(one.event().last());
  EXPECT_TRUE(next(client).event().last());
}

TEST_F(Stream, of_nothing_ends_at_once) {
  ControlClient client = ask(false);
  const control::Reply none = next(client);
  EXPECT_TRUE(none.event().last());
  EXPECT_EQ(none.event().sequence(), 0U);
}

TEST_F(Stream, goes_on_for_a_follower) {
  stream_.add(event("one"));
  ControlClient client = ask(true);
  stream_.add(event("two"));
  EXPECT_EQ(next(client).event().sequence(), 1U);
  const control::Reply two = next(client);
  EXPECT_EQ(two.event().sequence(), 2U);
  EXPECT_FALSE(two.event().last());
}

TEST_F(Stream, a_follower_that_does_not_read_is_cut_off_with_a_word) {
  ControlClient slow = ask(true);
  // More than the socket and the bound take together.
  for (int i = 0; i < 20'000; ++i) stream_.add(event(std::string(100, 'x')));
  uint64_t expected = 1;
  control::Reply reply = next(slow);
  for (; reply.code() == control::OK && reply.has_event(); reply = next(slow)) {
    ASSERT_EQ(reply.event().sequence(), expected++);
  }
  EXPECT_EQ(reply.code(), control::FAILED);
  EXPECT_EQ(reply.message(),
            fmt::format("cut off before event {}: what came before was not read", expected));
  EXPECT_LT(expected, 20'000U);
  EXPECT_EQ(next(slow).message(), "no reply") << "the connection is closed";
}

}  // namespace
}  // namespace hapair::vrrp
