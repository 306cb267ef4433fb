// PROXY headers through a real worker: what servers read first, and what clients must send.
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "lbcore/relay/proxy_header.h"
#include "tests/unit/lbcore/relay/worker_fixture.h"

namespace hapair::lbcore::relay::test {
namespace {

using namespace std::string_literals;

constexpr const char* kLine = "PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n";

class ProxyTest : public WorkerTest {
 protected:
  void SetUp() override {
    WorkerTest::SetUp();
    spec.pools[0].servers.pop_back();  // all go to a
  }
  void send_version(ProxyProtocol version) { spec.pools[0].relay.proxy_protocol = version; }
  void must_send_header(const std::string& from = "127.0.0.0/8") {
    spec.services[0].relay.proxy_from = {Prefix::parse(from).value()};
  }
  uint64_t refused(Refusal reason) {
    return topology->services[0]->live->refused[static_cast<size_t>(reason)];
  }
  static Endpoint own(const Stream& stream) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    ::getsockname(stream.fd(), reinterpret_cast<sockaddr*>(&address), &size);
    return Endpoint::from_sockaddr(address);
  }
  std::string line_of(const Stream& client) {
    return fmt::format("PROXY TCP4 127.0.0.1 127.0.0.1 {} {}\r\n", own(client).port,
                       spec.services[0].listen.port);
  }
};

TEST_F(ProxyTest, TheServerReadsTheHeaderFirst) {
  send_version(ProxyProtocol::v1);
  publish();
  Stream client = connect();
  client.say("request");
  Stream server = a.accept();
  std::string heard;
  while (heard.find("request") == std::string::npos) heard += server.hear();
  EXPECT_EQ(heard, line_of(client) + "request");
  server.say("answer");
  EXPECT_EQ(client.hear(), "answer");
  client.say("more");
  EXPECT_EQ(server.hear(), "more");
  EXPECT_TRUE(eventually(5s, [&] { return service_counters().bytes_in == 11; }))
      << "the header is not the client's: " << service_counters().bytes_in;
}

TEST_F(ProxyTest, AClientThatWaitsGetsItsHeaderSentAtOnce) {
  send_version(ProxyProtocol::v1);
  publish();
  Stream client = connect();
  Stream server = a.accept();
  EXPECT_EQ(server.hear(), line_of(client));
  server.say("220 ready");
  EXPECT_EQ(client.hear(), "220 ready");
}

TEST_F(ProxyTest, TheHeaderArrivesBeforeAnEarlyEnd) {
  send_version(ProxyProtocol::v2);
  publish();
  Stream client = connect();
  client.half_close();
  Stream server = a.accept();
  const std::string heard = server.hear();
  const ProxyHeader header = parse_proxy_header(heard);
  ASSERT_EQ(header.state, ProxyHeader::State::complete);
  EXPECT_EQ(header.client, own(client));
  EXPECT_EQ(header.destination, spec.services[0].listen);
  EXPECT_EQ(server.hear(), "EOF");
}

TEST_F(ProxyTest, AWildcardServiceSaysWhereTheClientWent) {
  send_version(ProxyProtocol::v1);
  spec.services[0].listen.ip = IpAddress();
  publish();
  Stream client = Stream::to(loopback(spec.services[0].listen.port));
  Stream server = a.accept();
  EXPECT_EQ(server.hear(), line_of(client));
}

TEST_F(ProxyTest, AServerThatFailedHasNoPartInTheNextOnesHeader) {
  send_version(ProxyProtocol::v1);
  spec.pools[0].servers.push_back({.name = "b", .address = b.endpoint});
  publish();
  a.close();
  for (int i = 0; i < 2; ++i) {
    Stream client = connect();
    Stream server = b.accept();
    EXPECT_EQ(server.hear(), line_of(client));
  }
}

TEST_F(ProxyTest, TheHeaderIsTakenOffAndWhatFollowsIsTheClients) {
  must_send_header();
  publish();
  Stream client = connect();
  client.say(kLine + "request"s);
  Stream server = a.accept();
  EXPECT_EQ(server.hear(), "request");
  EXPECT_TRUE(eventually(5s, [&] { return service_counters().bytes_in == 7; }));
  server.say("answer");
  EXPECT_EQ(client.hear(), "answer");
}

TEST_F(ProxyTest, TheHeaderMayComeByteByByte) {
  must_send_header();
  send_version(ProxyProtocol::v1);
  publish();
  Stream client = connect();
  const int no_delay = 1;
  ::setsockopt(client.fd(), IPPROTO_TCP, TCP_NODELAY, &no_delay, sizeof no_delay);
  for (const char& byte : kLine + "x"s) client.say({byte});
  Stream server = a.accept();
  std::string heard;
  while (heard.find('x') == std::string::npos) heard += server.hear();
  EXPECT_EQ(heard, kLine + "x"s) << "and both addresses are passed on";
}

TEST_F(ProxyTest, NoServerIsAskedBeforeTheHeader) {
  must_send_header();
  publish();
  Stream client = connect();
  client.say("PROXY ");
  settle();
  EXPECT_TRUE(eventually(5s, [&] { return live(0).counters.active == 0; }));
  client.say(std::string(kLine).substr(6));
  EXPECT_TRUE(a.accept().valid());
}

TEST_F(ProxyTest, SessionsGoByTheAddressInTheHeader) {
  must_send_header();
  spec.pools[0].sticky = {.timeout = 10min};
  publish();
  Stream client = connect();
  client.say(kLine);
  Stream server = a.accept();
  const auto of_client = IpAddress::parse("192.0.2.7").value();
  EXPECT_TRUE(eventually(5s, [&] { return sessions.size() == 1; }));
  EXPECT_EQ(sessions.use(topology->pools[0]->id, of_client, Clock::now()), live(0).id);
}

TEST_F(ProxyTest, LocalAndUnknownMeanTheConnectionsOwnAddresses) {
  must_send_header();
  send_version(ProxyProtocol::v1);
  publish();
  for (const std::string& header : {"PROXY UNKNOWN\r\n"s, "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"s}) {
    Stream client = connect();
    client.say(header);
    Stream server = a.accept();
    EXPECT_EQ(server.hear(), line_of(client));
  }
}

TEST_F(ProxyTest, FromOthersNoneIsReadAndBytesPassUntouched) {
  must_send_header("10.0.0.0/8");
  publish();
  Stream client = connect();
  client.say(kLine);
  Stream server = a.accept();
  EXPECT_EQ(server.hear(), kLine);
}

TEST_F(ProxyTest, AMalformedHeaderIsCountedAndReset) {
  must_send_header();
  publish();
  Stream client = connect();
  client.say("GET / HTTP/1.1\r\n\r\n");
  EXPECT_EQ(client.hear(), "RESET");
  expect_idle();
  EXPECT_TRUE(eventually(5s, [&] { return refused(Refusal::proxy_header) == 1; }));
  EXPECT_EQ(service_counters().failed, 0U);
}

TEST_F(ProxyTest, AHeaderThatEndsEarlyIsMalformed) {
  must_send_header();
  publish();
  Stream client = connect();
  client.say("PROXY TCP4");
  settle();
  client.half_close();
  EXPECT_EQ(client.hear(), "RESET");
  EXPECT_TRUE(eventually(5s, [&] { return refused(Refusal::proxy_header) == 1; }));
}

TEST_F(ProxyTest, WhoOnlyLooksWhetherThePortIsOpenIsNoMistake) {
  must_send_header();
  publish();
  connect().close();
  expect_idle();
  EXPECT_EQ(refused(Refusal::proxy_header), 0U);
}

TEST_F(ProxyTest, AHeaderThatDoesNotComeInTimeIsAnEnd) {
  must_send_header();
  spec.services[0].relay.proxy_header_timeout = 50ms;
  publish();
  Stream silent = connect();
  Stream slow = connect();
  slow.say("PROXY");
  EXPECT_EQ(silent.hear(), "RESET");
  EXPECT_EQ(slow.hear(), "RESET");
  expect_idle();
  EXPECT_TRUE(eventually(5s, [&] { return refused(Refusal::proxy_header_timeout) == 2; }));
}

TEST_F(ProxyTest, ItsEndResetsWhoIsStillToSendAHeader) {
  must_send_header();
  publish();
  Stream client = connect();
  client.say("PROXY");
  settle();
  worker.reset();
  EXPECT_EQ(client.hear(), "RESET");
  EXPECT_TRUE(eventually(5s, [&] { return budget.in_use() == 0; }));
}

}  // namespace
}  // namespace hapair::lbcore::relay::test
