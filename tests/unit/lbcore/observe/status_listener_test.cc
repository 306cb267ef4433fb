// The listener on loopback, its clients played with blocking sockets from a thread of their own.
#include "lbcore/observe/status_listener.h"

#include <array>
#include <atomic>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "tests/support/files.h"

namespace hapair::lbcore::observe {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

/// 200 pieces of 10,000 bytes.
class LongBody final : public Body {
 public:
  bool append_piece(std::string& out) override {
    out.append(10'000, 'x');
    return ++pieces_ < 200;
  }

 private:
  int pieces_ = 0;
};

class Listener : public ::testing::Test {
 protected:
  Listener() { listener.configure(endpoint); }

  static Page pages(std::string_view path) {
    if (path == "/long") return {.body = std::make_unique<LongBody>()};
    return text_page(200, "you asked for " + std::string(path));
  }

  UniqueFd connect() const {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const timeval patience{.tv_sec = 10, .tv_usec = 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_storage address{};
    const socklen_t size = endpoint.to_sockaddr(address);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
    return fd;
  }
  static std::string rest_of(int fd) {
    std::string out;
    std::array<char, 4096> buffer{};
    for (ssize_t got = 0; (got = ::recv(fd, buffer.data(), buffer.size(), 0)) > 0;) {
      out.append(buffer.data(), static_cast<size_t>(got));
    }
    return out;
  }
  std::string exchange(const std::string& request) const {
    const UniqueFd fd = connect();
    ::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL);
    return rest_of(fd.get());
  }
  /// Turns the loop until `client` on its own thread has ended.
  void turn_while(const std::function<void()>& client) {
    std::thread thread([&] {
      client();
      loop.post([this] { loop.stop(); });
    });
    loop.run();
    thread.join();
  }

  Logger log{"test"};
  EventLoop loop;
  Endpoint endpoint{IpAddress::parse("127.0.0.1").value(), hapair::test::free_port()};
  StatusListener listener{loop, log, pages};
};

TEST_F(Listener, AnswersAGetWithItsLengthAndCloses) {
  turn_while([this] {
    const std::string answer = exchange("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(answer, HasSubstr("Content-Length: 17\r\n"));
    EXPECT_TRUE(answer.ends_with("\r\n\r\nyou asked for /a\n")) << answer;
  });
}

TEST_F(Listener, HeadHasNoBody) {
  turn_while([this] {
    EXPECT_TRUE(exchange("HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n").ends_with("\r\n\r\n"));
  });
}

TEST_F(Listener, LongPagesAreChunkedAndWhole) {
  turn_while([this] {
    const std::string answer = exchange("GET /long HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(answer, HasSubstr("Transfer-Encoding: chunked\r\n"));
    EXPECT_TRUE(answer.ends_with("\r\n0\r\n\r\n"));
    const std::string body = answer.substr(answer.find("\r\n\r\n"));
    EXPECT_EQ(std::count(body.begin(), body.end(), 'x'), 2'000'000);
    const std::string old = exchange("GET /long HTTP/1.0\r\n\r\n");
    EXPECT_EQ(old.size() - old.find("\r\n\r\n") - 4, 2'000'000U);
  });
}

TEST_F(Listener, RefusesWithTheStatus) {
  turn_while([this] {
    EXPECT_THAT(exchange("DELETE /a HTTP/1.1\r\nHost: x\r\n\r\n"),
                StartsWith("HTTP/1.1 405 Method Not Allowed\r\n"));
    EXPECT_THAT(exchange("nonsense\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  });
}

TEST_F(Listener, AClientThatReadsNothingDelaysNobody) {
  turn_while([this] {
    const UniqueFd slow = connect();
    const std::string request = "GET /long HTTP/1.0\r\n\r\n";
    ::send(slow.get(), request.data(), request.size(), MSG_NOSIGNAL);
    EXPECT_THAT(exchange("GET /b HTTP/1.0\r\n\r\n"), HasSubstr("/b"));
    EXPECT_GT(rest_of(slow.get()).size(), 2'000'000U) << "it still gets all";
  });
}

TEST_F(Listener, TheOldestClientGivesWay) {
  turn_while([this] {
    std::vector<UniqueFd> idle;
    for (size_t i = 0; i < StatusListener::kMostClients + 3; ++i) idle.push_back(connect());
    EXPECT_THAT(exchange("GET /b HTTP/1.0\r\n\r\n"), HasSubstr("/b"));
    EXPECT_EQ(rest_of(idle.front().get()), "") << "closed without an answer";
  });
}

TEST_F(Listener, AnAddressInUseIsTroubleUntilItIsFree) {
  StatusListener second(loop, log, pages);
  second.configure(endpoint);
  EXPECT_THAT(second.trouble(), HasSubstr("Address already in use"));
  listener.configure(std::nullopt);
  turn_while([&] {
    const TimePoint deadline = Clock::now() + 10s;
    std::atomic<bool> free{false};
    while (!free && Clock::now() < deadline) {
      loop.post([&] { free = second.trouble().empty(); });
      std::this_thread::sleep_for(20ms);
    }
    EXPECT_THAT(exchange("GET /b HTTP/1.0\r\n\r\n"), HasSubstr("/b"));
  });
}

TEST_F(Listener, TheSameAddressAgainTouchesNothing) {
  turn_while([this] {
    const UniqueFd open = connect();
    loop.post([this] { listener.configure(endpoint); });
    const std::string request = "GET /c HTTP/1.0\r\n\r\n";
    ::send(open.get(), request.data(), request.size(), MSG_NOSIGNAL);
    EXPECT_THAT(rest_of(open.get()), HasSubstr("/c"));
  });
}

}  // namespace
}  // namespace hapair::lbcore::observe
