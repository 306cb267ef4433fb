#include "lbcore/health/probe.h"

#include <optional>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "lbcore/health/http_probe.h"
#include "tests/unit/lbcore/health/loopback.h"

namespace hapair::lbcore::health {
namespace {

class ProbeTest : public testing::Test {
 protected:
  ProbeResult probe(const Endpoint& server, const char* check) {
    std::optional<ProbeResult> result;
    const auto probe =
        make_probe(tools_, server, parse_check(check).value(), [&](const ProbeResult& found) {
          EXPECT_FALSE(result) << "one attempt, one result";
          result = found;
        });
    probe->start();
    EXPECT_TRUE(run_until(loop_, [&] { return result.has_value(); }));
    EXPECT_FALSE(probe->running());
    return result.value_or(ProbeResult{});
  }
  /// Without the time that it took.
  static std::string without_time(const ProbeResult& result) {
    return fmt::format("{} {}", name(result.code), result.detail);
  }

  EventLoop loop_;
  ProbeTools tools_{loop_};
};

constexpr auto kTcp = "tcp interval 2s timeout 1s";
constexpr auto kHttp = "http GET /health interval 2s timeout 1s";

TEST_F(ProbeTest, TcpConnects) {
  BoundSocket socket;
  socket.listen();
  const auto result = probe(socket.at(), kTcp);
  EXPECT_EQ(result.code, ProbeCode::l4ok) << result.text();
  EXPECT_TRUE(result.passed());
  EXPECT_GT(result.latency, 0s);
  EXPECT_LT(result.latency, 1s);
}

TEST_F(ProbeTest, RefusedIsL4con) {
  const BoundSocket socket;  // bound, but it does not listen
  for (const auto* check : {kTcp, kHttp}) {
    const auto result = probe(socket.at(), check);
    EXPECT_EQ(result.text(), "L4CON Connection refused");
    EXPECT_FALSE(result.passed());
    EXPECT_FALSE(result.environment());
  }
}

// A queue of one that is full: further SYNs are dropped without a word.
TEST_F(ProbeTest, NoConnectionIsL4tout) {
  BoundSocket socket;
  socket.listen(0);
  UniqueFd fillers[3];
  for (UniqueFd& filler : fillers) {
    filler.reset(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    sockaddr_storage address{};
    const socklen_t length = socket.at().to_sockaddr(address);
    const int done = ::connect(filler.get(), reinterpret_cast<const sockaddr*>(&address), length);
    ASSERT_TRUE(done == 0 || errno == EINPROGRESS);
  }
  const auto result = probe(socket.at(), "tcp timeout 80ms");
  EXPECT_EQ(result.text(), "L4TOUT no connection in 80ms");
  EXPECT_GE(result.latency, 79ms);
}

TEST_F(ProbeTest, NoAnswerIsL7tout) {
  BoundSocket socket;
  socket.listen();  // the kernel connects, nobody accepts
  const auto result = probe(socket.at(), "http timeout 80ms");
  EXPECT_EQ(result.text(), "L7TOUT no answer in 80ms");
  EXPECT_GE(result.latency, 79ms);
}

TEST_F(ProbeTest, HttpSendsOneProperRequest) {
  std::string request;
  Server server([&](int fd) {
    request = read_request(fd);
    send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  });
  const auto result = probe(server.address(), kHttp);
  server.stop();
  EXPECT_EQ(without_time(result), "L7OK 200");
  EXPECT_EQ(request,
            "GET /health HTTP/1.1\r\nHost: " + server.address().to_string() +
                "\r\nUser-Agent: hapair-check\r\nAccept: */*\r\nConnection: close\r\n\r\n");
}

TEST(HttpProbe, AnIpv6HostHasBrackets) {
  const Endpoint server = Endpoint::parse("[2001:db8::1]:8080").value();
  const std::string request = check_request(parse_check("http HEAD /x").value(), server);
  EXPECT_TRUE(request.starts_with("HEAD /x HTTP/1.1\r\nHost: [2001:db8::1]:8080\r\n")) << request;
}

struct Answer {
  const char* check;
  std::string bytes;
  const char* found;
};

class ProbeAnswer : public ProbeTest, public testing::WithParamInterface<Answer> {};

TEST_P(ProbeAnswer, HasItsCode) {
  Server server(answering(GetParam().bytes));
  EXPECT_EQ(without_time(probe(server.address(), GetParam().check)), GetParam().found);
}

INSTANTIATE_TEST_SUITE_P(
    Http, ProbeAnswer,
    testing::Values(Answer{"http", "HTTP/1.0 200 OK\r\n\r\n", "L7OK 200"},
                    Answer{"http", "HTTP/1.1 399 Odd\r\n\r\n", "L7OK 399"},
                    Answer{"http", "HTTP/1.1 400 Bad Request\r\n\r\n", "L7STS 400"},
                    Answer{"http", "HTTP/1.1 199 Low\r\n\r\n", "L7STS 199"},
                    Answer{"http expect 503", "HTTP/1.1 503 Service Unavailable\r\n\r\n",
                           "L7OK 503"},
                    Answer{"http expect 204", "HTTP/1.1 200 OK\r\n\r\n", "L7STS 200"},
                    Answer{"http", "SSH-2.0-OpenSSH_9.2\r\n", "L7RSP answer is not HTTP/1"},
                    Answer{"http", "", "L7RSP closed without a whole status line"},
                    Answer{"http", "HTTP/1.1 200 OK", "L7RSP closed without a whole status line"},
                    Answer{"http", "HTTP/1.1 200 " + std::string(100'000, 'x'),
                           "L7RSP status line is too long"}));

TEST_F(ProbeTest, AnAnswerMayComeByteByByte) {
  Server server([](int fd) {
    read_request(fd);
    for (const char& c : std::string_view("HTTP/1.1 200 OK\r\n\r\n")) {
      send_text(fd, {&c, 1});
      std::this_thread::sleep_for(1ms);  // what is tested is that it comes slowly
    }
    wait_for_close(fd);
  });
  EXPECT_EQ(without_time(probe(server.address(), kHttp)), "L7OK 200");
}

TEST_F(ProbeTest, TheTimeoutIsForTheWholeAnswer) {
  std::atomic<bool> enough{false};
  Server server([&](int fd) {
    read_request(fd);
    send_text(fd, "HTTP/1.1 200 ");
    while (!enough) {
      send_text(fd, "x");
      std::this_thread::sleep_for(5ms);
    }
  });
  EXPECT_EQ(probe(server.address(), "http timeout 100ms").text(), "L7TOUT no answer in 100ms");
  enough = true;
}

TEST_F(ProbeTest, AResetIsL7rsp) {
  Server server([](int fd) {
    read_request(fd);
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  });
  EXPECT_EQ(probe(server.address(), kHttp).text(), "L7RSP Connection reset by peer");
}

// A server that talks first, or answers with more than the check reads, must see an orderly close,
// not a reset.
TEST_F(ProbeTest, LeavesWithoutAReset) {
  const std::string body(200'000, 'x');
  const std::pair<const char*, std::string> cases[] = {
      {kTcp, "220 mail ready\r\n"},
      {kHttp, "HTTP/1.1 200 OK\r\n\r\n" + body},
  };
  for (const auto& [check, text] : cases) {
    std::atomic<int> ended{-1};
    Server server([&, text = text](int fd) {
      send_text(fd, text);
      ended = wait_for_close(fd);
    });
    EXPECT_TRUE(probe(server.address(), check).passed());
    EXPECT_TRUE(run_until(loop_, [&] { return ended >= 0; }));
    EXPECT_EQ(ended, 0) << check << ": " << std::system_category().message(ended);
    EXPECT_TRUE(run_until(loop_, [&] { return tools_.closer.waiting() == 0; }));
  }
}

TEST_F(ProbeTest, AServerThatNeverClosesDoesNotKeepOurSocket) {
  BoundSocket socket;
  socket.listen();
  EXPECT_TRUE(probe(socket.at(), kTcp).passed());
  EXPECT_EQ(tools_.closer.waiting(), 1U);
  EXPECT_TRUE(run_until(loop_, [&] { return tools_.closer.waiting() == 0; }));
}

TEST_F(ProbeTest, WithoutADescriptorItIsNotTheServersFault) {
  BoundSocket socket;
  socket.listen();
  std::optional<ProbeResult> result;
  const auto probe = make_probe(tools_, socket.at(), parse_check(kTcp).value(),
                                [&](const ProbeResult& found) { result = found; });
  probe->start();
  EXPECT_TRUE(run_until(loop_, [&] { return result.has_value(); }));
  EXPECT_TRUE(result->passed());

  result.reset();
  {
    const NoMoreDescriptors full;
    probe->start();
  }
  ASSERT_TRUE(result);
  EXPECT_EQ(result->text(), "SOCKERR Too many open files");
  EXPECT_TRUE(result->environment());
  EXPECT_FALSE(result->passed());

  result.reset();
  probe->start();
  EXPECT_TRUE(run_until(loop_, [&] { return result.has_value(); }));
  EXPECT_TRUE(result->passed()) << "and the next attempt works";
}

TEST_F(ProbeTest, MayBeDestroyedAtAnyTime) {
  BoundSocket socket;
  socket.listen();
  for (const auto* check : {kTcp, kHttp}) {
    for (int events = 0; events < 3; ++events) {
      const auto probe =
          make_probe(tools_, socket.at(), parse_check(check).value(), [](const ProbeResult&) {});
      probe->start();
      for (int i = 0; i < events; ++i) loop_.poll();
    }
  }
}

TEST(ProbeResult, TextForOperators) {
  const auto text = [](ProbeCode code, const char* detail, Duration latency) {
    return ProbeResult{.code = code, .detail = detail, .latency = latency}.text();
  };
  EXPECT_EQ(text(ProbeCode::l4ok, "", 340us), "L4OK in 0.3ms");
  EXPECT_EQ(text(ProbeCode::l7ok, "200", 800us), "L7OK 200 in 0.8ms");
  EXPECT_EQ(text(ProbeCode::l7sts, "503", 99'949us), "L7STS 503 in 99.9ms");
  EXPECT_EQ(text(ProbeCode::l7sts, "503", 1234ms), "L7STS 503 in 1234ms");
  EXPECT_EQ(text(ProbeCode::l4con, "Connection refused", 1ms), "L4CON Connection refused");
  EXPECT_EQ(text(ProbeCode::l4tout, "no connection in 1s", 1s), "L4TOUT no connection in 1s");
}

}  // namespace
}  // namespace hapair::lbcore::health
