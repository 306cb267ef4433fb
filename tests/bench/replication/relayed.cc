// Sessions as they come in life: clients with an address of their own each connect through a real
// lbcore, 5,000 per second, that has a million sessions already. The peer is a node inside this
// process, so that every session's arrival is seen. It comes up empty while the clients come, and
// has everything a little later. At the end lbcore is killed: what the peer does not have then was
// answered just before.
#include <atomic>
#include <string>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "tests/bench/relay/backend.h"
#include "tests/bench/replication/lab.h"
#include "tests/bench/replication/node.h"
#include "tests/bench/replication/real_node.h"

namespace hapair::test::bench {

namespace {

constexpr uint32_t kPerSecond = 5000;
constexpr Duration kStep = Duration(1s) / kPerSecond;
constexpr uint32_t kClients = 6 * kPerSecond;  // addresses of 10.1.0.0/16
// Sessions that are there before, of 10.16.0.0 and on.
constexpr uint32_t kFirstOther = 0x00100000;
constexpr uint32_t kOthers = 1'000'000;
constexpr uint32_t kThreads = 16;
constexpr const char* kService = "10.0.0.1";
constexpr uint16_t kPort = 8000;

IpAddress address_of(uint32_t number) {
  return IpAddress::v4(0x0a010001U + number);
}

/// Connects, asks, waits for the first byte of the answer, resets.
bool visit(uint32_t number) {
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  const timeval patience{.tv_sec = 1, .tv_usec = 0};
  ::setsockopt(fd.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  const auto generic = [](sockaddr_storage& address) {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): POSIX sockets are typed by
    // casting
    return reinterpret_cast<sockaddr*>(&address);
  };
  sockaddr_storage address{};
  socklen_t size = Endpoint{address_of(number), 0}.to_sockaddr(address);
  if (::bind(fd.get(), generic(address), size) != 0) return false;
  size = Endpoint{*IpAddress::parse(kService), kPort}.to_sockaddr(address);
  if (::connect(fd.get(), generic(address), size) != 0) return false;
  constexpr std::string_view kRequest = "GET / HTTP/1.1\r\nHost: bench\r\n\r\n";
  if (::send(fd.get(), kRequest.data(), kRequest.size(), MSG_NOSIGNAL) < 0) return false;
  char byte = 0;
  return ::recv(fd.get(), &byte, 1, 0) == 1;
}

struct Visit {
  TimePoint asked{};
  TimePoint answered{};  // unset: never
};

}  // namespace

void own_relayed(Logger& log, const Note& note) {
  TwoNodes nodes;
  Switch lan("lan");
  Namespace client("client");
  Namespace server("server");
  lan.connect(nodes.a, "eth0", "10.0.0.1/24");
  lan.connect(client, "eth0", "10.0.0.10/24");
  lan.connect(server, "eth0", "10.0.0.20/24");
  nodes.a.ip("route add 10.1.0.0/16 via 10.0.0.10");
  client.ip("route add local 10.1.0.0/16 dev lo");
  client.sysctl("ipv4.conf.all.arp_announce", "2");
  const Backend backend(server, {0, 1});

  RealNode lbcore(nodes.a, "lb1",
                  {.listen = fmt::format("{}:{}", kService, kPort),
                   .server = fmt::format("10.0.0.20:{}", Backend::kAnswers)});
  {
    OwnNode filler(log, nodes.b, false, true);
    for (uint32_t i = 0; i < kOthers; ++i) filler.put(kFirstOther + i);
    filler.start();
    await("the million", [&] { return filler.synced(); });
  }

  std::vector<Visit> visits(kClients);
  std::atomic<bool> killed = false;
  const TimePoint start = Clock::now();
  const auto run_clients = [&](uint32_t first) {
    client.enter();
    for (uint32_t i = first; i < kClients && !killed; i += kThreads) {
      std::this_thread::sleep_until(start + i * kStep);
      visits[i].asked = Clock::now();
      if (visit(i)) visits[i].answered = Clock::now();
    }
  };
  std::vector<std::thread> threads;
  for (uint32_t i = 0; i < kThreads; ++i) threads.emplace_back(run_clients, i);
  std::this_thread::sleep_until(start + 1s);
  OwnNode peer(log, nodes.b, false, false);
  const TimePoint peer_came = Clock::now();
  peer.start();
  while (!peer.synced() && Clock::now() < start + 4s) std::this_thread::sleep_for(200us);
  const TimePoint peer_synced = Clock::now();
  std::this_thread::sleep_until(start + 5s);
  lbcore.kill();
  const TimePoint death = Clock::now();
  killed = true;
  for (auto& thread : threads) thread.join();
  peer.stop();

  const auto there = peer.clients();
  std::vector<double> lag;
  std::vector<double> alone;
  std::vector<double> beside;
  double answered = 0;
  double lost = 0;
  Duration oldest{0};
  for (uint32_t i = 0; i < kClients; ++i) {
    if (visits[i].answered == TimePoint{} || visits[i].answered > death) continue;
    ++answered;
    const auto& [asked, had] = visits[i];
    if (had < peer_came) alone.push_back(us(had - asked));
    if (asked >= peer_came && had < peer_synced) beside.push_back(us(had - asked));
    const auto found = there.find(address_of(i));
    if (found == there.end()) {
      ++lost;
      oldest = std::max(oldest, death - visits[i].answered);
    } else if (asked >= peer_synced) {
      lag.push_back(us(std::max(Duration{0}, found->second - visits[i].answered)));
    }
  }
  note("relayed rate", answered / seconds(death - start));
  note("resync beside it", seconds(peer_synced - peer_came));
  note_spread(note, "answer alone", std::move(alone));
  note_spread(note, "answer in a resync", std::move(beside));
  note_spread(note, "relayed lag", std::move(lag));
  note("not there yet", lost);
  note("the oldest", us(oldest));
}

}  // namespace hapair::test::bench
