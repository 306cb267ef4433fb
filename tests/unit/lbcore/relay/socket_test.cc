#include "lbcore/relay/socket.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "tests/support/files.h"
#include "tests/support/wait.h"

namespace hapair::lbcore::relay {
namespace {

Endpoint loopback(uint16_t port) {
  return {IpAddress::parse("127.0.0.1").value(), port};
}

UniqueFd connected_to(const Endpoint& endpoint) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage address{};
  const socklen_t size = endpoint.to_sockaddr(address);
  EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
  return fd;
}

TEST(OpenListeners, OnePerWorkerOnOneAddress) {
  const Endpoint endpoint = loopback(test::free_port());
  const auto sockets = open_listeners(endpoint, 3, false);
  ASSERT_TRUE(sockets) << sockets.error().message;
  EXPECT_EQ(sockets->size(), 3U);
  const UniqueFd client = connected_to(endpoint);
}

TEST(OpenListeners, AnAddressThatThisNodeDoesNotHoldYet) {
  // 192.0.2.0/24 is for documentation: nobody has it.
  const Endpoint vip{IpAddress::parse("192.0.2.100").value(), 8080};
  EXPECT_TRUE(open_listeners(vip, 1, false));
  const Endpoint vip6{IpAddress::parse("2001:db8::100").value(), 8080};
  EXPECT_TRUE(open_listeners(vip6, 1, false));
}

TEST(OpenListeners, NeverSharesWithAnotherProcessOfOurs) {
  const Endpoint endpoint = loopback(test::free_port());
  const auto first = open_listeners(endpoint, 2, false);
  ASSERT_TRUE(first);
  const auto second = open_listeners(endpoint, 2, false);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().message,
            "listen on tcp " + endpoint.to_string() + ": Address already in use");
  EXPECT_TRUE(open_listeners(endpoint, 2, true)) << "known to be ours";
}

TEST(OpenListeners, AcceptedSocketsInheritTheirOptions) {
  const Endpoint endpoint = loopback(test::free_port());
  const auto sockets = open_listeners(endpoint, 1, false);
  ASSERT_TRUE(sockets);
  const UniqueFd client = connected_to(endpoint);
  const UniqueFd accepted(::accept((*sockets)[0].get(), nullptr, nullptr));
  ASSERT_TRUE(accepted);
  for (const auto& [level, option] : {std::pair<int, int>(IPPROTO_TCP, TCP_NODELAY),
                                      std::pair<int, int>(SOL_SOCKET, SO_KEEPALIVE)}) {
    int value = 0;
    socklen_t size = sizeof value;
    ASSERT_EQ(::getsockopt(accepted.get(), level, option, &value, &size), 0);
    EXPECT_EQ(value, 1) << level << "/" << option;
  }
}

TEST(Reset, ThePeerReadsAnErrorAndNoEnd) {
  const Endpoint endpoint = loopback(test::free_port());
  const auto sockets = open_listeners(endpoint, 1, false);
  ASSERT_TRUE(sockets);
  const UniqueFd client = connected_to(endpoint);
  close_with_reset(UniqueFd(::accept((*sockets)[0].get(), nullptr, nullptr)));
  char byte = 0;
  EXPECT_EQ(::recv(client.get(), &byte, 1, 0), -1);
  EXPECT_EQ(errno, ECONNRESET);
}

TEST(HasFailed, AResetAndNotAnOrderlyEndBehindUnreadBytes) {
  const Endpoint endpoint = loopback(test::free_port());
  const auto listeners = open_listeners(endpoint, 1, false);
  ASSERT_TRUE(listeners);
  for (const bool orderly : {true, false}) {
    const UniqueFd ours = connected_to(endpoint);
    UniqueFd peer;
    ASSERT_TRUE(test::eventually(5s, [&] {
      peer = UniqueFd(::accept4(listeners->front().get(), nullptr, nullptr, SOCK_CLOEXEC));
      return peer.valid();
    }));
    ASSERT_EQ(::send(peer.get(), "answer", 6, 0), 6);
    ::shutdown(ours.get(), SHUT_WR);
    char byte = 0;
    ASSERT_EQ(::recv(peer.get(), &byte, 1, 0), 0);
    orderly ? peer.reset() : close_with_reset(std::move(peer));
    const auto closed = [&] {
      tcp_info info{};
      socklen_t size = sizeof info;
      ::getsockopt(ours.get(), IPPROTO_TCP, TCP_INFO, &info, &size);
      return info.tcpi_state == TCP_CLOSE;
    };
    ASSERT_TRUE(test::eventually(5s, closed));
    EXPECT_EQ(has_failed(ours.get()), !orderly);
  }
}

}  // namespace
}  // namespace hapair::lbcore::relay
