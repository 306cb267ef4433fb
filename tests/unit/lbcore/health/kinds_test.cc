// Every kind of check against a real server on loopback, well and ill.
#include <csignal>
#include <optional>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lbcore/health/dns_message.h"
#include "lbcore/health/http_probe.h"
#include "lbcore/health/probe.h"
#include "tests/unit/lbcore/health/loopback.h"
#include "tests/unit/lbcore/health/tls_server.h"

namespace hapair::lbcore::health {
namespace {

using namespace std::string_literals;

class KindsTest : public testing::Test {
 protected:
  KindsTest() { std::signal(SIGPIPE, SIG_IGN); }  // as lbcore does

  /// Code and detail.
  std::string probe(const Endpoint& server, const std::string& check) {
    std::optional<ProbeResult> result;
    const auto probe =
        make_probe(tools_, server, parse_check(check).value(), [&](const ProbeResult& found) {
          EXPECT_FALSE(result) << "one attempt, one result";
          result = found;
        });
    probe->start();
    EXPECT_TRUE(run_until(loop_, [&] { return result.has_value(); }));
    if (!result) return "";
    return fmt::format("{} {}", name(result->code), result->detail);
  }

  EventLoop loop_;
  ProbeTools tools_{loop_};
};

// ---- http

TEST_F(KindsTest, HttpSendsHostAndHeadersAsConfigured) {
  const CheckSpec spec =
      parse_check("http GET / host www.example.net header \"X-A: b\" header \"X-C: d e\" port 81")
          .value();
  EXPECT_EQ(check_request(spec, Endpoint::parse("192.0.2.1:80").value()),
            "GET / HTTP/1.1\r\nHost: www.example.net\r\nUser-Agent: hapair-check\r\nAccept: "
            "*/*\r\nX-A: b\r\nX-C: d e\r\nConnection: close\r\n\r\n");
  const CheckSpec plain = parse_check("http port 81").value();
  EXPECT_THAT(check_request(plain, Endpoint::parse("192.0.2.1:80").value()),
              testing::HasSubstr("Host: 192.0.2.1:81\r\n"));
}

TEST_F(KindsTest, HttpLooksIntoTheBody) {
  Server server(answering("HTTP/1.1 200 OK\r\nServer: x\r\n\r\nsaid: all is well\n"));
  EXPECT_EQ(probe(server.address(), "http body \"all is well\""), "L7OK 200");
  EXPECT_EQ(probe(server.address(), "http body \"all is bad\""),
            "L7RSP 200 without the text in its body");
  EXPECT_EQ(probe(server.address(), "http expect 204 body \"all is well\""), "L7STS 200");
}

TEST_F(KindsTest, AnotherPortIsChecked) {
  Server server(answering("HTTP/1.1 200 OK\r\n\r\n"));
  const BoundSocket silent;
  EXPECT_EQ(probe(silent.at(), fmt::format("http port {}", server.address().port)), "L7OK 200");
  EXPECT_EQ(probe(server.address(), fmt::format("tcp port {}", silent.at().port)),
            "L4CON Connection refused");
}

TEST_F(KindsTest, TheSourceIsTheOneThatIsNamed) {
  std::string from;
  std::atomic<bool> asked{false};
  Server server([&](int fd) {
    sockaddr_storage peer{};
    socklen_t length = sizeof peer;
    ::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &length);
    from = Endpoint::from_sockaddr(peer).ip.to_string();
    asked = true;
  });
  EXPECT_EQ(probe(server.address(), "tcp source 127.0.0.77"), "L4OK ");
  EXPECT_TRUE(run_until(loop_, [&] { return asked.load(); }));
  EXPECT_EQ(from, "127.0.0.77");
  EXPECT_EQ(probe(server.address(), "tcp source 192.0.2.77"),
            "SOCKERR source 192.0.2.77: Cannot assign requested address")
      << "an address that this node lacks is not the server's fault";
}

// ---- tls, https

TEST_F(KindsTest, TlsShakesHands) {
  const Certificate certificate("DNS:a.example,IP:127.0.0.1");
  std::string sni;
  Server server(certificate.serving([&](SSL*, const std::string& name) { sni = name; }));
  EXPECT_EQ(probe(server.address(), "tls"), "L6OK TLSv1.3");
  EXPECT_EQ(probe(server.address(), "tls ca " + certificate.path()), "L6OK TLSv1.3")
      << "the certificate names the address";
  EXPECT_EQ(probe(server.address(), "tls sni a.example ca " + certificate.path()), "L6OK TLSv1.3");
  server.stop();
  EXPECT_EQ(sni, "a.example");
}

TEST_F(KindsTest, TlsVerifiesWhenToldSo) {
  const Certificate certificate("DNS:a.example");
  Server server(certificate.serving([](SSL*, const std::string&) {}));
  EXPECT_EQ(probe(server.address(), "tls"), "L6OK TLSv1.3");
  EXPECT_THAT(probe(server.address(), "tls verify on"),
              testing::MatchesRegex("L6RSP self.signed certificate"));
  EXPECT_EQ(probe(server.address(), "tls ca " + certificate.path()), "L6RSP IP address mismatch");
  EXPECT_THAT(probe(server.address(), "tls sni b.example ca " + certificate.path()),
              testing::MatchesRegex("L6RSP [Hh]ostname mismatch"));
  const Certificate renewed("IP:127.0.0.1");
  Server other(renewed.serving([](SSL*, const std::string&) {}));
  EXPECT_THAT(probe(other.address(), "tls ca " + certificate.path()),
              testing::StartsWith("L6RSP self"));
  ASSERT_EQ(::rename(renewed.path().c_str(), certificate.path().c_str()), 0);
  EXPECT_EQ(probe(other.address(), "tls ca " + certificate.path()), "L6OK TLSv1.3")
      << "a changed file is read again";
  EXPECT_THAT(probe(server.address(), "tls ca /nonexistent/ca.pem"),
              testing::StartsWith("SOCKERR ca /nonexistent/ca.pem: "));
}

TEST_F(KindsTest, HttpsAsksInsideTls) {
  const Certificate certificate("DNS:a.example");
  Server server(certificate.serving([](SSL* ssl, const std::string& name) {
    answer_tls(ssl, name == "a.example" ? "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nall well"
                                        : "HTTP/1.1 421 Misdirected\r\n\r\n");
  }));
  const std::string trusted = " ca " + certificate.path();
  EXPECT_EQ(probe(server.address(), "https GET / host a.example body \"all well\"" + trusted),
            "L7OK 200");
  EXPECT_EQ(probe(server.address(), "https GET / sni a.example"), "L7OK 200");
  EXPECT_EQ(probe(server.address(), "https"), "L7STS 421");
}

TEST_F(KindsTest, AServerWithoutTlsIsL6) {
  Server plain([](int fd) {
    send_text(fd, "220 mail ready\r\n");
    wait_for_close(fd);
  });
  EXPECT_THAT(probe(plain.address(), "tls"), testing::StartsWith("L6RSP "));
  Server closing([](int) {});
  EXPECT_THAT(probe(closing.address(), "https"), testing::StartsWith("L6RSP "));
  BoundSocket silent;
  silent.listen();
  EXPECT_EQ(probe(silent.at(), "tls timeout 80ms"), "L6TOUT no handshake in 80ms");
}

// ---- smtp

/// Greets, answers every line.
Server::Serve mail(std::string greeting, std::string answer, std::string* heard) {
  return [=](int fd) {
    send_text(fd, greeting);
    char c = 0;
    std::string line;
    while (::recv(fd, &c, 1, 0) == 1) {
      if (heard != nullptr) *heard += c;
      line += c;
      if (c != '\n') continue;
      send_text(fd, line.starts_with("QUIT") ? "221 bye\r\n" : answer);
      line.clear();
    }
  };
}

TEST_F(KindsTest, SmtpGreetsAndLeaves) {
  std::string heard;
  Server server(mail("220-hello\r\n220 ready\r\n", "250-mail\r\n250 HELP\r\n", &heard));
  EXPECT_EQ(probe(server.address(), "smtp host lb1.example.net"), "L7OK 250");
  server.stop();
  EXPECT_EQ(heard, "EHLO lb1.example.net\r\nQUIT\r\n");
}

TEST_F(KindsTest, SmtpThatIsNotReadyIsNamed) {
  Server busy(mail("421 too busy\r\n", "", nullptr));
  EXPECT_EQ(probe(busy.address(), "smtp"), "L7STS 421 as its greeting");
  Server picky(mail("220 x\r\n", "550 who are you\r\n", nullptr));
  EXPECT_EQ(probe(picky.address(), "smtp"), "L7STS 550 upon EHLO");
  Server other(mail("SSH-2.0\r\n", "", nullptr));
  EXPECT_EQ(probe(other.address(), "smtp"), "L7RSP answer is not SMTP");
  Server mute([](int) {});
  EXPECT_THAT(probe(mute.address(), "smtp"), testing::StartsWith("L7RSP "));
}

// ---- udp, dns

/// A UDP server: every datagram is answered by what `answer` makes of it, unless that is empty.
class DatagramServer {
 public:
  using Answer = std::function<std::string(const std::string&)>;
  explicit DatagramServer(Answer answer)
      : fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)), answer_(std::move(answer)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    ::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), length);
    ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    const timeval soon{.tv_sec = 0, .tv_usec = 20'000};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
    thread_ = std::thread([this] { run(); });
  }
  ~DatagramServer() {
    stopping_ = true;
    thread_.join();
  }
  DatagramServer(const DatagramServer&) = delete;
  DatagramServer& operator=(const DatagramServer&) = delete;
  [[nodiscard]] Endpoint address() const { return {IpAddress::v4(INADDR_LOOPBACK), port_}; }

 private:
  void run() {
    char buffer[2048];
    while (!stopping_) {
      sockaddr_storage from{};
      socklen_t length = sizeof from;
      const ssize_t count = ::recvfrom(fd_.get(), buffer, sizeof buffer, 0,
                                       reinterpret_cast<sockaddr*>(&from), &length);
      if (count < 0) continue;
      const std::string text = answer_({buffer, static_cast<size_t>(count)});
      if (text.empty()) continue;
      ::sendto(fd_.get(), text.data(), text.size(), 0, reinterpret_cast<sockaddr*>(&from), length);
    }
  }

  UniqueFd fd_;
  Answer answer_;
  uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

TEST_F(KindsTest, UdpExpectsWhatIsConfigured) {
  const DatagramServer echo([](const std::string& text) { return "re: " + text; });
  EXPECT_EQ(probe(echo.address(), "udp send \"ping\\n\" expect \"ping\\n\""), "L7OK ");
  EXPECT_EQ(probe(echo.address(), "udp send \"ping\" expect \"pong\""),
            "L7RSP an answer without the text");
  EXPECT_EQ(probe(echo.address(), "udp send \"ping\""), "L7OK ");
}

TEST_F(KindsTest, UdpSilenceIsFineUnlessAnAnswerIsExpected) {
  const DatagramServer silent([](const std::string&) { return ""; });
  EXPECT_EQ(probe(silent.address(), "udp send \"x\" timeout 80ms"), "L4OK not refused");
  EXPECT_EQ(probe(silent.address(), "udp send \"x\" expect \"y\" timeout 80ms"),
            "L7TOUT no answer in 80ms");
  const BoundSocket tcp;  // nobody has this port for UDP, very likely
  EXPECT_EQ(probe(tcp.at(), "udp send \"x\""), "L4CON Connection refused");
}

TEST_F(KindsTest, DnsAsksForARecord) {
  const DatagramServer server([](const std::string& query) {
    std::string answer = query;
    answer[2] = '\x81';
    answer[3] = '\x80';
    const bool known = query.find(
                           "\x07"
                           "example") != std::string::npos;
    const bool is_a = query[query.size() - 3] == 1;
    if (!known) answer[3] = '\x83';
    if (!known || !is_a) return answer;
    answer[7] = 1;
    return answer + "\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x01\x02\x03\x04"s;
  });
  EXPECT_EQ(probe(server.address(), "dns www.example.net"), "L7OK NOERROR");
  EXPECT_EQ(probe(server.address(), "dns www.example.net AAAA"),
            "L7STS NOERROR without a record of the type");
  EXPECT_EQ(probe(server.address(), "dns www.other.net"), "L7STS NXDOMAIN");
}

TEST_F(KindsTest, DnsHearsOnlyTheAnswerToItsQuestion) {
  const DatagramServer server([](const std::string& query) {
    std::string answer = query;
    answer[0] = static_cast<char>(answer[0] + 1);
    answer[2] = '\x81';
    return answer;
  });
  EXPECT_EQ(probe(server.address(), "dns a.example timeout 80ms"), "L7TOUT no answer in 80ms");
}

// ---- any of them

TEST_F(KindsTest, MayBeDestroyedAtAnyTime) {
  const Certificate certificate("DNS:a.example");
  Server server(certificate.serving([](SSL*, const std::string&) {}));
  for (const auto* check : {"tls", "https", "smtp", "udp send \"x\"", "dns a.example", "icmp"}) {
    for (int events = 0; events < 4; ++events) {
      const auto probe = make_probe(tools_, server.address(), parse_check(check).value(),
                                    [](const ProbeResult&) {});
      probe->start();
      for (int i = 0; i < events && probe->running(); ++i) loop_.poll();
    }
  }
}

}  // namespace
}  // namespace hapair::lbcore::health
