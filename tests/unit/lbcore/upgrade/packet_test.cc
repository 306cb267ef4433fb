// Messages and descriptors between two ends on one loop.
#include "lbcore/upgrade/packet.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

namespace hapair::lbcore::upgrade {
namespace {

std::vector<UniqueFd> files(size_t count) {
  std::vector<UniqueFd> out;
  for (size_t i = 0; i < count; ++i) out.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  return out;
}

struct End {
  End(EventLoop& loop, UniqueFd fd)
      : channel(loop, std::move(fd),
                {.on_packet = [this](Packet packet) { packets.push_back(std::move(packet)); },
                 .on_room = [this] { ++rooms; },
                 .on_close = [this](const std::string& reason) { closed = reason; }}) {}
  std::vector<Packet> packets;
  int rooms = 0;
  std::string closed;
  PacketChannel channel;
};

class PacketTest : public ::testing::Test {
 protected:
  PacketTest() {
    auto sockets = packet_sockets();
    a.emplace(loop, std::move(sockets->first));
    b.emplace(loop, std::move(sockets->second));
  }
  template <typename Predicate>
  void turn_until(Predicate predicate) {
    const TimePoint deadline = Clock::now() + 5s;
    while (!predicate() && Clock::now() < deadline) loop.poll();
    EXPECT_TRUE(predicate());
  }

  EventLoop loop;
  std::optional<End> a;
  std::optional<End> b;
};

TEST_F(PacketTest, AMessageAndItsDescriptorsArriveTogether) {
  a->channel.send("two", files(2));
  a->channel.send("none");
  a->channel.send("most", files(kMostDescriptors));
  turn_until([&] { return b->packets.size() == 3; });
  EXPECT_EQ(b->packets[0].bytes, "two");
  ASSERT_EQ(b->packets[0].descriptors.size(), 2U);
  struct stat is {};
  EXPECT_EQ(::fstat(b->packets[0].descriptors[0].get(), &is), 0);
  EXPECT_TRUE(S_ISCHR(is.st_mode));
  EXPECT_EQ(::fcntl(b->packets[0].descriptors[0].get(), F_GETFD), FD_CLOEXEC);
  EXPECT_TRUE(b->packets[1].descriptors.empty());
  EXPECT_EQ(b->packets[2].descriptors.size(), kMostDescriptors);
  EXPECT_GT(a->rooms, 0);
}

TEST_F(PacketTest, WhatTheOtherEndDoesNotReadYetWaitsInOrder) {
  const std::string large(100000, 'x');
  for (int i = 0; i < 50; ++i) a->channel.send(large + std::to_string(i));
  turn_until([&] { return b->packets.size() == 50; });
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(b->packets[static_cast<size_t>(i)].bytes, large + std::to_string(i));
  }
}

TEST_F(PacketTest, TheEndOfTheOtherProcessIsNewsAfterWhatItSaid) {
  a->channel.send("last words");
  turn_until([&] { return a->rooms > 0; });
  a.reset();
  turn_until([&] { return !b->closed.empty(); });
  ASSERT_EQ(b->packets.size(), 1U);
  EXPECT_EQ(b->closed, "the other process has ended");
  EXPECT_FALSE(b->channel.open());
  b->channel.send("to nobody");
}

TEST_F(PacketTest, TheLastWordsOfAProcessThatReadNothingAreHeard) {
  auto sockets = packet_sockets();
  End left(loop, std::move(sockets->first));
  left.channel.send("unread");
  turn_until([&] { return left.rooms > 0; });
  send_packet(sockets->second.get(), "why");
  sockets->second.reset();
  left.channel.send("unheard");
  turn_until([&] { return !left.closed.empty(); });
  ASSERT_EQ(left.packets.size(), 1U);
  EXPECT_EQ(left.packets[0].bytes, "why");
}

TEST(PacketCalls, ReceiveWaitsForTheDeadlineOnly) {
  auto sockets = packet_sockets();
  ASSERT_TRUE(sockets);
  const auto nothing = receive_packet(sockets->first.get(), Clock::now() + 1ms);
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().message, "the other process says nothing");
  send_packet(sockets->second.get(), "word");
  sockets->second.reset();
  EXPECT_EQ(receive_packet(sockets->first.get(), Clock::now() + 5s)->bytes, "word");
  const auto end = receive_packet(sockets->first.get(), Clock::now() + 5s);
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().message, "the other process has ended");
}

}  // namespace
}  // namespace hapair::lbcore::upgrade
