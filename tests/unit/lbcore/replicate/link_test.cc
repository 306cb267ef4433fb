// The link against whatever may knock at its port: the peer, another key, no TLS at all, too many,
// too slow.
#include "lbcore/replicate/link.h"

#include <memory>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "tests/unit/lbcore/replicate/two_replicators.h"

namespace hapair::lbcore::replicate::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

constexpr Link::Timing kQuick{
    .handshake = 300ms, .retry_least = 10ms, .retry_most = 50ms, .silence = 1s};

/// A Link and what it told.
struct End {
  End(EventLoop& loop, Logger& log, const config::Pair& pair, const PairKeys& keys)
      : link(loop, log, pair, keys, kQuick,
             {.on_up = [this] { ++ups; },
              .on_frame = [this](std::string_view frame) { frames.emplace_back(frame); },
              .on_pause = [] {},
              .on_down = [this](const std::string& reason) { downs.push_back(reason); }}) {}
  void say(const std::string& text) {
    link.send(text);
    link.flush();
  }

  int ups = 0;
  std::vector<std::string> frames;
  std::vector<std::string> downs;
  Link link;  // last: its callbacks use the others
};

class LinkTest : public testing::Test {
 protected:
  // lb1 connects, lb2 listens.
  std::unique_ptr<End> end(bool lower, const PairKeys& keys = kKey) {
    return std::make_unique<End>(loop_, log_, loopback_pair(lower, port_), keys);
  }
  bool until(const std::function<bool()>& done, Duration within = 3s) {
    return turn_until(loop_, within, done);
  }
  /// A connection of a stranger (or of the peer's machine) to lb2's port.
  [[nodiscard]] UniqueFd knock(const IpAddress& from) const {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_storage address{};
    // NOLINTBEGIN(cppcoreguidelines-pro-type-reinterpret-cast): POSIX sockets are typed by casting
    socklen_t size = Endpoint{from, 0}.to_sockaddr(address);
    EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    size = loopback_pair(false, port_).own.to_sockaddr(address);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    // NOLINTEND(cppcoreguidelines-pro-type-reinterpret-cast)
    ::fcntl(fd.get(), F_SETFL, O_NONBLOCK);
    return fd;
  }
  static bool closed(const UniqueFd& fd) {
    char byte = 0;
    const ssize_t got = ::recv(fd.get(), &byte, 1, 0);
    return got == 0 || (got < 0 && errno != EAGAIN);
  }

  const IpAddress peer_ = IpAddress::v4(0x7f000001U);
  const IpAddress stranger_ = IpAddress::v4(0x7f000009U);
  uint16_t port_ = free_port();
  EventLoop loop_;
  Logger log_{"test"};
};

TEST_F(LinkTest, ConnectsWithTheSameKeyAndCarriesFrames) {
  auto lb2 = end(false);
  auto lb1 = end(true);
  ASSERT_TRUE(until([&] { return lb1->link.up() && lb2->link.up(); }));
  EXPECT_EQ(lb1->link.trouble(), "");
  lb1->say("one");
  lb1->say("two");
  lb2->say(std::string(Channel::kMaxFrameBytes, 'x'));
  ASSERT_TRUE(until([&] { return lb2->frames.size() == 2 && lb1->frames.size() == 1; }));
  EXPECT_THAT(lb2->frames, ElementsAre("one", "two"));
  EXPECT_THAT(lb1->frames[0], SizeIs(Channel::kMaxFrameBytes));
}

TEST_F(LinkTest, SaysOnBothSidesThatTheKeyDoesNotMatch) {
  auto lb2 = end(false);
  auto lb1 = end(true, kOtherKey);
  ASSERT_TRUE(until([&] {
    return lb1->link.trouble() == kKeyMismatch && lb2->link.trouble() == kKeyMismatch;
  })) << lb1->link.trouble()
      << " / " << lb2->link.trouble();
  EXPECT_EQ(lb1->ups + lb2->ups, 0);
  EXPECT_GT(lb1->link.refused(), 0U);
  EXPECT_GT(lb2->link.refused(), 0U);
  lb1 = end(true);  // the operator copies the right key
  EXPECT_TRUE(until([&] { return lb1->link.up() && lb2->link.up(); }));
}

TEST_F(LinkTest, ARotationMeetsNoUnknownKeyInAnyOrderAndEndsNoConnection) {
  const PairKeys steps[] = {kKey, {kKey, kOtherKey}, {kOtherKey, kKey}, kOtherKey};
  for (size_t step = 1; step < std::size(steps); ++step) {
    for (const bool lower_first : {true, false}) {
      auto lb2 = end(false, steps[step - 1]);
      auto lb1 = end(true, steps[step - 1]);
      ASSERT_TRUE(until([&] { return lb1->link.up() && lb2->link.up(); }));
      auto& first = lower_first ? lb1 : lb2;
      auto& second = lower_first ? lb2 : lb1;
      first->link.set_keys(steps[step]);
      // Half way: what there is stays, and a new connection comes about.
      lb1->say("still here");
      ASSERT_TRUE(until([&] { return lb2->frames.size() == 1; }));
      second.reset();
      second = end(!lower_first, steps[step - 1]);
      ASSERT_TRUE(until([&] { return lb1->link.up() && lb2->link.up(); }));
      second->link.set_keys(steps[step]);
      lb1->say("and now");
      ASSERT_TRUE(until([&] { return !lb2->frames.empty() && lb2->frames.back() == "and now"; }));
      EXPECT_EQ(lb1->link.refused() + lb2->link.refused(), 0U) << "step " << step;
      EXPECT_EQ(second->downs.size(), 0U);
    }
  }
}

TEST_F(LinkTest, AKeyThatTheServerDoesNotKnowYetIsFollowedByTheOther) {
  auto lb2 = end(false, kKey);
  auto lb1 = end(true, PairKeys(kOtherKey, kKey));
  EXPECT_TRUE(until([&] { return lb1->link.up() && lb2->link.up(); }));
}

TEST_F(LinkTest, ARetiredKeyIsRefused) {
  auto lb2 = end(false, PairKeys(kOtherKey, kKey));
  lb2->link.set_keys(kOtherKey);
  auto lb1 = end(true, kKey);
  EXPECT_TRUE(until([&] { return lb2->link.trouble() == kKeyMismatch; }));
  EXPECT_FALSE(lb1->link.up());
}

TEST_F(LinkTest, PlainTextIsNoHandshake) {
  auto lb2 = end(false);
  const UniqueFd fd = knock(peer_);
  const std::string_view text = "GET / HTTP/1.1\r\nHost: you\r\n\r\n";
  ASSERT_EQ(::send(fd.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  ASSERT_TRUE(until([&] { return closed(fd); }));
  EXPECT_EQ(lb2->link.trouble(), "does not speak TLS 1.3 with a pair key");
  EXPECT_EQ(lb2->link.refused(), 1U);
  auto lb1 = end(true);
  EXPECT_TRUE(until([&] { return lb2->link.up(); }));
}

TEST_F(LinkTest, AServerWithoutTlsIsSaidToBeOne) {
  // lb1 connects to something that is no lbcore.
  const UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage address{};
  const socklen_t size = loopback_pair(false, port_).own.to_sockaddr(address);
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): POSIX sockets are typed by casting
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listener.get(), 4), 0);
  auto lb1 = end(true);
  const UniqueFd fd(::accept(listener.get(), nullptr, nullptr));
  const std::string_view text = "220 mail.example.com ESMTP\r\n";
  ASSERT_EQ(::send(fd.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  EXPECT_TRUE(until([&] {
    return lb1->link.trouble() == "does not speak TLS 1.3 with a pair key";
  })) << lb1->link.trouble();
}

TEST_F(LinkTest, AHandshakeThatHangsEndsInTime) {
  auto lb2 = end(false);
  const UniqueFd fd = knock(peer_);
  ASSERT_EQ(::send(fd.get(), "\x16\x03\x01\x02", 4, 0), 4);  // the beginning of a ClientHello
  const TimePoint since = loop_.refresh_now();
  ASSERT_TRUE(until([&] { return closed(fd); }));
  EXPECT_GE(loop_.refresh_now() - since, 250ms);
  EXPECT_EQ(lb2->link.trouble(), "handshake not finished in time");
}

TEST_F(LinkTest, StrangersAreClosedUnread) {
  auto lb2 = end(false);
  std::vector<UniqueFd> knocks(12);  // the backlog is 16
  for (auto& fd : knocks) fd = knock(stranger_);
  ASSERT_TRUE(until([&] { return std::ranges::all_of(knocks, closed); }, 250ms))
      << "they need not wait for the end of a handshake";
  EXPECT_EQ(lb2->link.refused(), 12U);
}

TEST_F(LinkTest, AFloodOfHalfHandshakesDisplacesNobody) {
  auto lb2 = end(false);
  auto lb1 = end(true);
  ASSERT_TRUE(until([&] { return lb1->link.up() && lb2->link.up(); }));
  std::vector<UniqueFd> knocks(40);
  for (auto& fd : knocks) {
    fd = knock(peer_);
    until([] { return false; }, 1ms);
  }
  ASSERT_TRUE(until([&] { return lb2->link.refused() >= 40 - Link::kMaxHandshakes; }));
  EXPECT_EQ(std::ranges::count_if(knocks, closed), 40 - Link::kMaxHandshakes);
  lb1->say("still here");
  ASSERT_TRUE(until([&] { return lb2->frames.size() == 1; }));
  EXPECT_EQ(lb2->ups, 1);
  EXPECT_THAT(lb2->downs, SizeIs(0));
  EXPECT_EQ(lb2->link.trouble(), "") << "strangers are no trouble of a link that is up";
}

TEST_F(LinkTest, APeerGetsThroughAFlood) {
  auto lb2 = end(false);
  std::vector<UniqueFd> knocks(Link::kMaxHandshakes);
  for (auto& fd : knocks) fd = knock(peer_);
  auto lb1 = end(true);
  EXPECT_TRUE(until([&] { return lb1->link.up(); }, 250ms));
}

TEST_F(LinkTest, ANewAuthenticatedConnectionReplacesTheOldOne) {
  auto lb2 = end(false);
  auto lb1 = end(true);
  ASSERT_TRUE(until([&] { return lb1->link.up() && lb2->link.up(); }));
  auto wrong = end(true, kOtherKey);
  ASSERT_TRUE(until([&] { return lb2->link.refused() > 0; }));
  EXPECT_THAT(lb2->downs, SizeIs(0)) << "not by one with another key";
  wrong.reset();
  auto reborn = end(true);  // lb1's machine was reset, its old connection is still there
  ASSERT_TRUE(until([&] { return lb2->ups == 2; }));
  EXPECT_THAT(lb2->downs, ElementsAre("connected anew"));
}

TEST_F(LinkTest, AnOversizedFrameEndsTheConnectionBeforeItIsRead) {
  auto lb2 = end(false);
  // A client with the right key that announces 2 MiB.
  const TlsContext tls(TlsSide::client, kKey);
  const UniqueFd fd = knock(peer_);
  const auto ssl = tls.open(fd.get());
  ASSERT_TRUE(until([&] {
    SSL_do_handshake(ssl.get());
    return lb2->link.up();
  }));
  ASSERT_EQ(SSL_write(ssl.get(), "\x00\x20\x00\x00hello", 9), 9);
  ASSERT_TRUE(until([&] { return !lb2->link.up(); }));
  EXPECT_THAT(lb2->downs, ElementsAre(HasSubstr("2097152 bytes was announced")));
  EXPECT_THAT(lb2->frames, SizeIs(0));
}

TEST_F(LinkTest, AFullDescriptorTableIsSaidAndTriedAgain) {
  auto lb2 = end(false);
  const UniqueFd waiting = knock(peer_);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{.rlim_cur = 0, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  for (int i = 0; i < 20 && lb2->link.trouble() == "not connected yet"; ++i) loop_.run_once();
  const std::string said = lb2->link.trouble();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(said, "accept: Too many open files");
  auto lb1 = end(true);
  EXPECT_TRUE(until([&] { return lb2->link.up(); }));
}

TEST_F(LinkTest, OutputIsBoundedByRoom) {
  auto lb2 = end(false);
  const TlsContext tls(TlsSide::client, kKey);
  const UniqueFd fd = knock(peer_);
  const auto ssl = tls.open(fd.get());
  ASSERT_TRUE(until([&] {
    SSL_do_handshake(ssl.get());
    return lb2->link.up();
  }));
  size_t sent = 0;  // the client reads nothing
  for (; lb2->link.room() > 0 && sent < 100000; ++sent) lb2->say(std::string(10000, 'x'));
  EXPECT_LT(sent, 100000U);
  EXPECT_TRUE(lb2->link.up());
}

TEST_F(LinkTest, ComesBackAfterEitherEndWent) {
  auto lb2 = end(false);
  auto lb1 = end(true);
  ASSERT_TRUE(until([&] { return lb1->link.up() && lb2->link.up(); }));
  lb2.reset();
  ASSERT_TRUE(until([&] { return !lb1->link.up(); }));
  EXPECT_THAT(lb1->downs, ElementsAre("closed by the peer"));
  ASSERT_TRUE(until([&] { return lb1->link.trouble() == "connect: Connection refused"; }));
  lb2 = end(false);
  ASSERT_TRUE(until([&] { return lb1->link.up() && lb2->link.up(); }));
  lb1.reset();
  ASSERT_TRUE(until([&] { return !lb2->link.up(); }));
  lb1 = end(true);
  EXPECT_TRUE(until([&] { return lb1->link.up() && lb2->link.up(); }));
}

TEST_F(LinkTest, ListensBeforeTheAddressIsThere) {
  config::Pair pair = loopback_pair(false, port_);
  pair.own.ip = IpAddress::v4(0xc0000209U);  // 192.0.2.9: nobody's
  pair.other.ip = IpAddress::v4(0xc0000201U);
  const End lb2(loop_, log_, pair, kKey);
  EXPECT_EQ(lb2.link.trouble(), "not connected yet");
  const config::Pair other{"lb1", "lb2", pair.other, pair.own, ""};
  const End lb1(loop_, log_, other, kKey);
  EXPECT_EQ(lb1.link.trouble(), "bind 192.0.2.1: Cannot assign requested address");
}

}  // namespace
}  // namespace hapair::lbcore::replicate::test
