// Clients that begin a handshake and never finish it, from addresses that nobody answers for.
#include <atomic>
#include <cstring>
#include <random>
#include <sstream>
#include <thread>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "common/result.h"
#include "tests/netns/lbcore/lbcore_lab.h"
#include "tests/support/sanitized.h"

namespace hapair::test {
namespace {

/// RFC 1071; `bytes` is even.
uint16_t internet_checksum(const void* data, size_t bytes, uint32_t sum = 0) {
  const auto* word = static_cast<const uint16_t*>(data);
  for (size_t i = 0; i < bytes / 2; ++i) sum += word[i];
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

/// A SYN of 10.2.0.0/16.
struct Syn {
  iphdr ip{};
  tcphdr tcp{};

  Syn(uint32_t random, uint32_t target, uint16_t port) {
    ip.version = 4;
    ip.ihl = sizeof ip / 4;
    ip.tot_len = htons(sizeof(Syn));
    ip.ttl = 64;
    ip.protocol = IPPROTO_TCP;
    ip.saddr = htonl(0x0a020000U | (random & 0xffff));
    ip.daddr = target;
    tcp.source = htons(static_cast<uint16_t>(1024 + (random >> 16) % 60000));
    tcp.dest = htons(port);
    tcp.seq = random;
    tcp.doff = sizeof tcp / 4;
    tcp.syn = 1;
    tcp.window = htons(64240);
    const struct {
      uint32_t from, to;
      uint16_t protocol, length;
    } pseudo{ip.saddr, ip.daddr, htons(IPPROTO_TCP), htons(sizeof tcp)};
    const auto partly = static_cast<uint16_t>(~internet_checksum(&pseudo, sizeof pseudo));
    tcp.check = internet_checksum(&tcp, sizeof tcp, partly);
  }
};

class Flood : public LbcoreLab {
 protected:
  /// Sends SYNs until `stop`; how many.
  size_t flood(const std::atomic<bool>& stop) {
    return client().run([&] {
      const UniqueFd fd(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
      if (!fd) throw_system("open a raw socket");
      sockaddr_storage to{};
      const socklen_t length = vip().to_sockaddr(to);
      const uint32_t target = reinterpret_cast<const sockaddr_in&>(to).sin_addr.s_addr;
      std::minstd_rand random{1};  // NOLINT(cert-msc51-cpp): any will do
      size_t sent = 0;
      while (!stop) {
        const Syn syn(static_cast<uint32_t>(random()), target, 80);
        sent += ::sendto(fd.get(), &syn, sizeof syn, 0, reinterpret_cast<const sockaddr*>(&to),
                         length) > 0
                    ? 1
                    : 0;
      }
      return sent;
    });
  }

  /// A counter of the node's kernel, e.g. "SyncookiesSent" of /proc/net/netstat.
  uint64_t kernel_counter(const std::string& wanted) {
    std::istringstream names_and_values(lb().exec({"cat", "/proc/thread-self/net/netstat"}));
    std::string names;
    std::string values;
    while (std::getline(names_and_values, names) && std::getline(names_and_values, values)) {
      std::istringstream name(names);
      std::istringstream value(values);
      for (std::string one, number; name >> one && value >> number;) {
        if (one == wanted) return std::stoull(number);
      }
    }
    throw std::runtime_error("the kernel has no counter " + wanted);
  }
};

TEST_F(Flood, HalfOpenConnectionsTakeNothingFromWholeOnes) {
  lb().ip("route add 10.2.0.0/16 via 10.0.0.10");  // where nobody forwards
  start(config());
  requests(30);
  ASSERT_TRUE(eventually(5s, [&] { return service().counters().connections() == 30; }));
  const size_t before = memory();

  std::atomic<bool> stop{false};
  size_t sent = 0;
  std::thread flooding([&] { sent = flood(stop); });
  ASSERT_TRUE(eventually(10s, [&] { return kernel_counter("SyncookiesSent") > 1000; }))
      << "more half-open ones than the kernel keeps";
  const auto answers = requests(150);
  stop = true;
  flooding.join();

  EXPECT_EQ(answers.count(""), 0U) << "each got an answer";
  EXPECT_GT(sent, 10'000U);
  EXPECT_TRUE(eventually(5s, [&] { return service().counters().active() == 0; }));
  EXPECT_EQ(service().counters().connections(), 180U) << "lbcore saw whole ones only";
  EXPECT_LT(memory(), before + (size_t{kSanitized ? 16 : 1} << 20));
}

}  // namespace
}  // namespace hapair::test
