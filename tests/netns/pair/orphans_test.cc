// Connections die with the node that relayed them, and whoever has one learns it when the other
// node takes over: also who only waits to receive, and would never send anything that could be
// answered.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <sys/socket.h>

#include "common/address.h"
#include "tests/support/pair_lab.h"
#include "tests/support/root_test.h"
#include "tests/support/wait.h"

namespace hapair::test {
namespace {

constexpr Duration kPatience = 20s;

/// Many clients in one namespace that connect, say nothing and wait.
class Waiting {
 public:
  /// Ports from `first_port` on, so that the test knows who is who.
  Waiting(const Namespace& inside, const Endpoint& own, const Endpoint& service, size_t count)
      : first_port_(own.port) {
    inside.run([&] {
      for (size_t i = 0; i < count; ++i) {
        sockets_.push_back(connect({own.ip, static_cast<uint16_t>(own.port + i)}, service));
      }
    });
  }

  /// These are theirs.
  explicit Waiting(std::vector<UniqueFd> sockets) : first_port_(0), sockets_(std::move(sockets)) {}

  static UniqueFd connect(const Endpoint& own, const Endpoint& service) {
    UniqueFd fd(::socket(service.ip.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int on = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_storage address{};
    socklen_t size = own.to_sockaddr(address);
    EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    size = service.to_sockaddr(address);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), size), 0)
        << service.to_string() << ": " << std::strerror(errno);
    return fd;
  }

  void close(size_t index) { sockets_[index].reset(); }
  [[nodiscard]] uint16_t port(size_t index) const {
    return static_cast<uint16_t>(first_port_ + index);
  }

  /// Reads what there is to know of those that have not ended so far.
  void look() {
    std::vector<pollfd> asked;
    for (const auto& fd : sockets_) {
      asked.push_back({.fd = fd ? fd.get() : -1, .events = POLLIN, .revents = 0});
    }
    ::poll(asked.data(), asked.size(), 0);
    const TimePoint now = Clock::now();
    for (size_t i = 0; i < asked.size(); ++i) {
      if (asked[i].revents == 0) continue;
      char byte = 0;
      const ssize_t got = ::recv(sockets_[i].get(), &byte, 1, MSG_DONTWAIT);
      ++ended_[got == 0 ? "EOF" : got > 0 ? "data" : std::strerror(errno)];
      sockets_[i].reset();
      last_ = now;
    }
  }
  [[nodiscard]] const std::map<std::string, size_t>& ended() const { return ended_; }
  [[nodiscard]] size_t resets() const {
    const auto found = ended_.find("Connection reset by peer");
    return found == ended_.end() ? 0 : found->second;
  }
  [[nodiscard]] TimePoint last() const { return last_; }

 private:
  uint16_t first_port_;
  std::vector<UniqueFd> sockets_;
  std::map<std::string, size_t> ended_;
  TimePoint last_{};
};

/// The ports of clients to which a segment with SYN and ACK went that none had asked for, by the
/// Ethernet address of the sender.
class Challenges {
 public:
  Challenges(const Namespace& inside, const std::string& interface)
      : fd_(inside.run([&] {
          UniqueFd fd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
          const int bytes = 64 << 20;
          ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
          sockaddr_ll address{};
          address.sll_family = AF_PACKET;
          address.sll_protocol = htons(ETH_P_IP);
          address.sll_ifindex = static_cast<int>(::if_nametoindex(interface.c_str()));
          EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
          return fd;
        })) {}

  /// All that has passed so far.
  const std::multiset<uint16_t>& ports() {
    std::array<uint8_t, 2048> frame{};
    ssize_t got = 0;
    while ((got = ::recv(fd_.get(), frame.data(), frame.size(), 0)) > 0) {
      if (got < ETH_HLEN + 40) continue;
      const uint8_t* const ip = frame.data() + ETH_HLEN;
      const uint8_t* const tcp = ip + 20;
      // Its window is zero: those that answer a SYN offer one.
      const bool challenge = ip[9] == IPPROTO_TCP && tcp[13] == 0x12 && tcp[14] + tcp[15] == 0;
      if (challenge) ports_.insert(static_cast<uint16_t>(tcp[2] << 8 | tcp[3]));
    }
    return ports_;
  }

 private:
  UniqueFd fd_;
  std::multiset<uint16_t> ports_;
};

class Orphans : public RootTest {
 protected:
  static constexpr uint16_t kFirstPort = 2000;

  void start() {
    lab_.emplace(PairLab::Options{.ipv6 = true,
                                  .boot_hold = 0ms,
                                  .more = "[service six]\nlisten = tcp [2001:db8::100]:80\n"
                                          "pool = web\n"});
    ASSERT_TRUE(lab_->start_in_order());
    ASSERT_TRUE(lab_->wait_active("lb1", 10s, PairLab::kVipSix));
    ASSERT_TRUE(eventually(
        kPatience, [&] { return lab_->pairadm("lb1", {"status"}).ok(); },
        [&] { return lab_->pairadm("lb1", {"status"}).out; }));
  }
  Waiting wait_at(const std::string& own, const std::string& vip, size_t count) {
    return {lab_->client(),
            {IpAddress::parse(own).value(), kFirstPort},
            {IpAddress::parse(vip).value(), PairLab::kServicePort},
            count};
  }
  /// What `node` says of itself.
  uint64_t orphans(const std::string& node, const std::string& figure) {
    const auto json =
        nlohmann::json::parse(lab_->pairadm(node, {"status", "--json"}).out, nullptr, false);
    if (json.is_discarded()) return 0;
    for (const auto& entry : json.at("nodes")) {
      if (entry.at("this_node").get<bool>() && !entry.at("orphans").is_null())
        return entry.at("orphans").at(figure).get<uint64_t>();
    }
    return 0;
  }
  ::testing::AssertionResult wait_known(const std::string& node, uint64_t count) {
    return eventually(
        kPatience, [&] { return orphans(node, "known") == count; },
        [&] { return lab_->pairadm(node, {"status"}).out; });
  }

  std::optional<PairLab> lab_;
};

// A power cut: nothing comes from lb1 any more, no FIN, no reset.
TEST_F(Orphans, ClientsThatOnlyWaitLearnOfACrashAtOnce) {
  constexpr size_t kFour = 1000;
  constexpr size_t kSix = 200;
  constexpr size_t kClosed = 10;
  start();
  if (HasFatalFailure()) return;
  Challenges challenges(lab_->client(), "eth0");
  auto four = wait_at("10.0.0.10", PairLab::kVip, kFour + kClosed);
  auto six = wait_at("2001:db8::10", PairLab::kVipSix, kSix);
  ASSERT_TRUE(wait_known("lb2", kFour + kClosed + kSix));
  for (size_t i = 0; i < kClosed; ++i) four.close(i);
  ASSERT_TRUE(wait_known("lb2", kFour + kSix));
  EXPECT_THAT(challenges.ports(), ::testing::IsEmpty()) << "a Backup says nothing";

  lab_->lose_node("lb1", PairLab::How::carrier);
  lab_->kill_all("lb1");
  TimePoint moved = TimePoint::max();
  const auto all_told = [&] {
    if (moved == TimePoint::max() && lab_->node("lb2").inside.has_address(PairLab::kVip) &&
        lab_->node("lb2").inside.has_address(PairLab::kVipSix)) {
      moved = Clock::now();
    }
    four.look();
    six.look();
    return four.resets() == kFour && six.resets() == kSix;
  };
  EXPECT_TRUE(eventually(kPatience, all_told, [&] {
    return ::testing::PrintToString(four.ended()) + ::testing::PrintToString(six.ended());
  }));
  const Duration took = std::max(four.last(), six.last()) - moved;
  fmt::print("all {} clients told {:.1f} ms after both VIPs moved\n", kFour + kSix,
             std::chrono::duration<double, std::milli>(took).count());
  EXPECT_LE(took, 3s);
  EXPECT_TRUE(lab_->node("lb2").lbcore->wait_for_output("that their connections died", 5s));
  EXPECT_EQ(orphans("lb2", "told"), kFour + kSix);
  EXPECT_EQ(orphans("lb2", "known"), 0U);
  EXPECT_EQ(orphans("lb2", "not_told"), 0U);
  for (size_t i = 0; i < kClosed; ++i) EXPECT_FALSE(challenges.ports().contains(four.port(i)));
}

// Where connections to servers come from an address that moves as well.
TEST_F(Orphans, ServersAreToldWhereTheirSideMoves) {
  constexpr size_t kClients = 50;
  lab_.emplace(PairLab::Options{.servers = 1,
                                .boot_hold = 0ms,
                                .with_servers = false,
                                .pool = "scheduler = rr\nsource = 10.0.1.100\n",
                                .more = "[vrrp inside]\ninterface = eth1\nvrid = 52\n"
                                        "priority@lb1 = 150\npriority@lb2 = 100\n"
                                        "advert_interval = 100ms\naddresses = 10.0.1.100/24\n"
                                        "preempt = no\nboot_hold = 0ms\n"});
  const UniqueFd server = lab_->server(1).run([] {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_storage address{};
    const socklen_t size = Endpoint{{}, PairLab::kServerPort}.to_sockaddr(address);
    EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(fd.get(), 1024), 0);
    return fd;
  });
  ASSERT_TRUE(lab_->start_in_order());
  ASSERT_TRUE(lab_->wait_active("lb1", 10s, "10.0.1.100"));
  auto clients = wait_at("10.0.0.10", PairLab::kVip, kClients);
  std::vector<UniqueFd> accepted;
  ASSERT_TRUE(eventually(kPatience, [&] {
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    UniqueFd fd(::accept4(server.get(), reinterpret_cast<sockaddr*>(&from), &size, SOCK_CLOEXEC));
    // Others are checks.
    const bool served = fd && Endpoint::from_sockaddr(from).ip.to_string() == "10.0.1.100";
    if (served) accepted.push_back(std::move(fd));
    return accepted.size() == kClients;
  }));
  Waiting served(std::move(accepted));
  ASSERT_TRUE(wait_known("lb2", 2 * kClients));

  lab_->lose_node("lb1", PairLab::How::carrier);
  lab_->kill_all("lb1");
  EXPECT_TRUE(eventually(
      kPatience,
      [&] {
        clients.look();
        served.look();
        return clients.resets() == kClients && served.resets() == kClients;
      },
      [&] {
        return ::testing::PrintToString(clients.ended()) + ::testing::PrintToString(served.ended());
      }));
}

// The address moves, and lb1's lbcore lives with its connections and talks to lb2.
TEST_F(Orphans, ClientsAreToldAlsoWhenOnlyTheAddressMoved) {
  constexpr size_t kClients = 200;
  start();
  if (HasFatalFailure()) return;
  auto clients = wait_at("10.0.0.10", PairLab::kVip, kClients);
  ASSERT_TRUE(wait_known("lb2", kClients));
  lab_->lan().set_cable(lab_->node("lb1").inside, "eth0", false);
  EXPECT_TRUE(eventually(
      kPatience,
      [&] {
        clients.look();
        return clients.resets() == kClients;
      },
      [&] { return ::testing::PrintToString(clients.ended()); }));

  // Whoever comes back from the same port while they are told again, and again, is served.
  const TimePoint begin = Clock::now();
  size_t served = 0;
  for (; served < kClients && Clock::now() < begin + 1s; ++served) {
    const auto port = static_cast<uint16_t>(kFirstPort + served);
    const Finished got =
        lab_->client().try_exec({"curl", "-s", "-S", "-f", "--max-time", "2", "--local-port",
                                 std::to_string(port), fmt::format("http://{}/", PairLab::kVip)});
    EXPECT_TRUE(got.ok()) << "from port " << port << ": " << got.err;
  }
  EXPECT_GE(served, 5U);
  lab_->kill_all("lb1");  // it would drain what is dead
}

}  // namespace
}  // namespace hapair::test
