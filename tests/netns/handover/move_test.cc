// A handover's connections, relay to relay: what WorkerPool offers, with the steps in the order in
// which they happen, and this test in the place of vrrpd and of the pair link.
#include <fstream>
#include <sstream>

#include "common/event_loop.h"
#include "lbcore/handover/connection_image.h"
#include "lbcore/relay/worker_pool.h"
#include "tests/netns/handover/move_lab.h"
#include "tests/netns/handover/traffic.h"
#include "tests/support/root_test.h"

namespace hapair::lbcore::relay {
namespace {

using namespace hapair::test;

const std::vector<std::string> kSources{"10.0.0.101", "fd00::101"};

/// The relay of one node.
class Node {
 public:
  Node(const Namespace& in, const Spec& spec) : space(in) {
    topology = registry.build(spec);
    for (const auto& pool : topology->pools) {
      for (const Server& server : pool->servers) server.live->up = true;
    }
    sessions.configure(*topology, Clock::now());
    workers = in.run([&] { return std::make_unique<WorkerPool>(log, sessions, 2, 8000); });
    WorkerPool::Opened opened;
    in.run([&] {
      for (const auto& service : spec.services) {
        const auto open = workers->open({service.protocol, service.listen}, Clock::now(), opened);
        EXPECT_TRUE(open) << open.error().message;
      }
    });
    workers->publish(topology, std::move(opened), Clock::now());
    settle();
  }

  void settle() const {
    workers->ask();
    ASSERT_TRUE(eventually(20s, [&] { return workers->answered(); }));
  }
  [[nodiscard]] uint32_t active() const { return topology->services[0]->live->counters.active; }
  [[nodiscard]] uint32_t active_at_server() const {
    return topology->pools[0]->servers[0].live->counters.active;
  }
  /// TCP segments that this node has sent so far.
  [[nodiscard]] uint64_t segments_sent() const {
    return space.run([] {
      std::ifstream file("/proc/thread-self/net/snmp");
      std::string line;
      std::vector<std::string> names;
      while (std::getline(file, line)) {
        if (!line.starts_with("Tcp:")) continue;
        std::istringstream words(line);
        std::vector<std::string> values{std::istream_iterator<std::string>(words), {}};
        if (names.empty()) {
          names = values;
          continue;
        }
        uint64_t sum = 0;
        for (size_t i = 0; i < names.size(); ++i) {
          if (names[i] == "OutSegs" || names[i] == "OutRsts" || names[i] == "RetransSegs") {
            sum += std::stoull(values[i]);
          }
        }
        return sum;
      }
      return uint64_t{0};
    });
  }

  const Namespace& space;
  Logger log{"test"};
  Registry registry;
  sticky::SessionStore sessions{[this](ServerId id) { return registry.find(id); }, 1000, [] {}};
  std::shared_ptr<const Topology> topology;
  std::unique_ptr<WorkerPool> workers;
};

class MoveTest : public RootTest {
 protected:
  void SetUp() override {
    RootTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    lab = std::make_unique<MoveLab>();
    servers = std::make_unique<Namespace>("servers");
    lab->lan_.connect(*servers, "eth0", "10.0.0.50/24");
    MoveLab::take(lab->lb1);
    spec.pools.push_back(
        {.name = "web", .scheduler = balance::Algorithm::rr, .sticky = {.timeout = 10min}});
    spec.pools[0].relay.source = {IpAddress::parse(kSources[0]).value()};
    spec.pools[0].servers.push_back({.name = "a", .address = endpoint("10.0.0.50:80")});
    spec.services.push_back({.name = "web", .listen = endpoint("10.0.0.100:80"), .pool = "web"});
    spec.services[0].relay.source_max_connections = 1000;
    spec.services.push_back({.name = "six", .listen = endpoint("[fd00::100]:80"), .pool = "web"});
  }

  void start() {
    lb1 = std::make_unique<Node>(lab->lb1, spec);
    lb2 = std::make_unique<Node>(lab->lb2, spec);
    give(*lb1);
    traffic = std::make_unique<Traffic>(lab->client, *servers, endpoint("10.0.0.50:80"));
  }
  void TearDown() override {
    traffic.reset();
    lb1.reset();
    lb2.reset();
  }

  void give(const Node& node) const {
    MoveLab::give_unannounced(node.space, kSources);
    announce(node);
  }
  void announce(const Node& node) const {
    lab->announce(node.space);
    lab->announce_to(*servers, node.space, kSources);
  }
  static void take(const Node& node) { MoveLab::take(node.space, kSources); }

  /// Runs the main loop until a callback has come.
  template <typename T>
  T wait_for(std::optional<T>& result) {
    const TimePoint deadline = Clock::now() + 20s;
    Ticker tick(loop, 10ms, [] {});
    while (!result && Clock::now() < deadline) loop.run_once();
    EXPECT_TRUE(result) << "no answer";
    return result ? std::move(*result) : T{};
  }
  void quiesce(const Node& node) {
    std::optional<bool> quiet;
    node.workers->quiesce(loop, [&] { quiet = true; });
    EXPECT_TRUE(wait_for(quiet));
  }
  Frozen freeze(const Node& node) {
    std::optional<Frozen> frozen;
    node.workers->freeze(
        loop, [](const ListenKey&, const IpAddress&) { return true; },
        [&](Frozen all) { frozen = std::move(all); });
    return wait_for(frozen);
  }
  Restored restore(const Node& node, std::vector<std::string> images) {
    std::optional<Restored> restored;
    node.workers->restore(loop, std::move(images),
                          [&](Restored all) { restored = std::move(all); });
    return wait_for(restored);
  }

  /// All of a handover that goes well.
  void hand_over(const Node& from, const Node& to, size_t count) {
    quiesce(from);
    take(from);
    const TimePoint begin = Clock::now();
    Frozen frozen = freeze(from);
    const TimePoint dumped = Clock::now();
    EXPECT_EQ(frozen.images.size(), count) << left(frozen);
    EXPECT_EQ(frozen.moving, frozen.images.size());
    const Restored restored = restore(to, std::move(frozen.images));
    const TimePoint done = Clock::now();
    EXPECT_EQ(restored.restored, count)
        << (restored.failures.empty() ? "" : restored.failures.front());
    give(to);
    to.workers->revive();
    from.workers->discard_frozen();
    from.workers->resume();
    from.settle();
    EXPECT_EQ(from.active(), 0U);
    EXPECT_EQ(from.active_at_server(), 0U);
    RecordProperty("freeze_us", static_cast<int>((dumped - begin) / 1us));
    RecordProperty("restore_us", static_cast<int>((done - dumped) / 1us));
  }
  static std::string left(const Frozen& frozen) {
    std::string out;
    for (const auto& [reason, count] : frozen.left) out += fmt::format("{}: {}; ", reason, count);
    return out;
  }

  /// What a limit for single clients counts.
  static uint32_t open_of_client(const Node& node) {
    return node.topology->services[0]->sources->open(IpAddress::parse("10.0.0.9").value());
  }
  static uint32_t holders(const Node& node) {
    const auto look = node.sessions.look(node.topology->pools[0]->id,
                                         IpAddress::parse("10.0.0.9").value(), Clock::now());
    return look ? look->holders : 0;
  }

  void connect(size_t count, Habit habit, const std::string& service = "10.0.0.100:80") const {
    for (size_t i = 0; i < count; ++i) traffic->connect(endpoint(service), habit);
  }
  void expect_flow() const {
    const uint64_t before = traffic->received();
    EXPECT_TRUE(eventually(20s, [&] { return traffic->received() > before + 500'000; }));
  }

  std::unique_ptr<MoveLab> lab;
  std::unique_ptr<Namespace> servers;
  Spec spec;
  std::unique_ptr<Node> lb1;
  std::unique_ptr<Node> lb2;
  std::unique_ptr<Traffic> traffic;
  EventLoop loop;
};

TEST_F(MoveTest, TwoHundredConnectionsThereAndBackLoseNoByte) {
  start();
  connect(90, Habit::idle);
  connect(10, Habit::idle, "[fd00::100]:80");
  connect(90, Habit::streams);
  connect(10, Habit::deaf);
  traffic->start();
  ASSERT_TRUE(eventually(20s, [&] { return traffic->paired() >= 390; }));
  ASSERT_TRUE(eventually(20s, [&] { return lb1->active_at_server() == 200; }));
  expect_flow();
  EXPECT_EQ(open_of_client(*lb1), 190U);
  // As replication has told it the session of its client.
  lb2->sessions.put(lb2->topology->pools[0]->id, IpAddress::parse("10.0.0.9").value(),
                    lb2->topology->pools[0]->servers[0].live->id, Clock::now());
  hand_over(*lb1, *lb2, 200);
  EXPECT_EQ(lb2->active(), 190U);
  EXPECT_EQ(lb2->active_at_server(), 200U);
  EXPECT_EQ(open_of_client(*lb1), 0U);
  EXPECT_EQ(open_of_client(*lb2), 190U);
  EXPECT_EQ(holders(*lb2), 190U);
  expect_flow();
  hand_over(*lb2, *lb1, 200);
  expect_flow();
  EXPECT_EQ(traffic->finish(30s), "");
  traffic.reset();
  EXPECT_TRUE(eventually(20s, [&] { return lb1->workers->open_connections() == 0; }));
  EXPECT_EQ(lb1->active() + lb1->active_at_server(), 0U);
}

TEST_F(MoveTest, ThawedItGoesOnAsIfNothingHadHappened) {
  start();
  connect(20, Habit::idle);
  connect(20, Habit::streams);
  connect(5, Habit::deaf);
  traffic->start();
  ASSERT_TRUE(eventually(20s, [&] { return traffic->paired() >= 85; }));
  quiesce(*lb1);
  take(*lb1);
  Frozen frozen = freeze(*lb1);
  EXPECT_EQ(frozen.moving, 45U) << left(frozen);
  // The other node had them already, and gives up without a word.
  const uint64_t sent = lb2->segments_sent();
  EXPECT_EQ(restore(*lb2, std::move(frozen.images)).restored, 45U);
  lb2->workers->discard_restored();
  lb2->settle();
  EXPECT_EQ(lb2->active(), 0U);
  EXPECT_EQ(lb2->active_at_server(), 0U);
  EXPECT_EQ(lb2->segments_sent(), sent);
  give(*lb1);
  lb1->workers->thaw();
  lb1->workers->resume();
  expect_flow();
  EXPECT_EQ(traffic->finish(30s), "");
}

TEST_F(MoveTest, ALongStreamMovesWithWhatWasOnItsWayThroughTheKernel) {
  start();
  traffic.reset();  // this test is the server
  const UniqueFd listener = listen_at(*servers, endpoint("10.0.0.50:80"));
  UniqueFd client = connect_from(lab->client, endpoint("10.0.0.100:80"));
  UniqueFd server(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  const std::string answer = pattern(24'000'000, 5);
  // Read at first, so that it counts as long; then not, so that it stands still on its way.
  std::thread says([&] { say(server.get(), answer); });
  std::string heard = hear(client.get(), 8'000'000);
  hand_over(*lb1, *lb2, 1);
  heard += hear(client.get(), answer.size() - heard.size());
  says.join();
  EXPECT_EQ(heard.size(), answer.size());
  EXPECT_TRUE(heard == answer);
}

TEST_F(MoveTest, TransparentConnectionsMoveWithoutASource) {
  spec.pools[0].relay.source.clear();
  spec.pools[0].relay.transparent = true;
  spec.services.pop_back();
  for (const Namespace* node : {&lab->lb1, &lab->lb2}) {
    node->ip_batch("rule add fwmark 1 lookup 100\nroute add local 0.0.0.0/0 dev lo table 100\n");
    node->nft(
        "table inet hapair {\n chain prerouting {\n"
        "  type filter hook prerouting priority mangle; policy accept;\n"
        "  meta l4proto tcp socket transparent 1 meta mark set 1 accept\n }\n}\n");
  }
  servers->ip("route add 10.0.0.9/32 via 10.0.0.100 onlink dev eth0");
  start();
  connect(5, Habit::idle);
  connect(10, Habit::streams);
  traffic->start();
  ASSERT_TRUE(eventually(20s, [&] { return traffic->paired() >= 30; }));
  expect_flow();
  hand_over(*lb1, *lb2, 15);
  expect_flow();
  EXPECT_EQ(traffic->finish(30s), "");
}

TEST_F(MoveTest, WhatCannotMoveStaysAndIsCountedByReason) {
  start();
  connect(3, Habit::idle);
  traffic->start();
  ASSERT_TRUE(eventually(20s, [&] { return traffic->paired() >= 6; }));
  UniqueFd ending = connect_from(lab->client, endpoint("10.0.0.100:80"));
  say(ending.get(), std::string(4, '\0'));
  ASSERT_TRUE(eventually(20s, [&] { return lb1->active_at_server() == 4; }));
  ::shutdown(ending.get(), SHUT_WR);
  // While its addresses are here, what arrived after an image was made would be lost.
  Frozen frozen = freeze(*lb1);
  EXPECT_EQ(frozen.moving, 0U);
  EXPECT_EQ(left(frozen), "closing: 1; its source stays here: 3; ");
  MoveLab::take(lab->lb1, {kSources[0]});
  MoveLab::give_unannounced(lab->lb1);
  frozen = freeze(*lb1);
  EXPECT_EQ(left(frozen), "closing: 1; its VIP is still here: 3; ");
  MoveLab::take(lab->lb1);
  frozen = freeze(*lb1);
  EXPECT_EQ(frozen.moving, 3U);
  EXPECT_EQ(left(frozen), "closing: 1; ");
}

TEST_F(MoveTest, WithoutAFloatingSourceItIsServedAndStays) {
  start();
  lab->lb1.ip("addr del 10.0.0.101/32 dev eth0");
  connect(2, Habit::idle);
  traffic->start();
  ASSERT_TRUE(eventually(20s, [&] { return traffic->paired() >= 4; }));
  MoveLab::take(lab->lb1);
  const Frozen frozen = freeze(*lb1);
  EXPECT_EQ(frozen.moving, 0U);
  EXPECT_EQ(left(frozen), "no floating source: 2; ");
  MoveLab::give_unannounced(lab->lb1);
  lab->announce(lab->lb1);
  EXPECT_EQ(traffic->finish(30s), "");
}

TEST_F(MoveTest, AQuietNodeLetsNobodyInUntilItResumes) {
  start();
  quiesce(*lb1);
  UniqueFd waiting = stream_socket(lab->client, AF_INET);
  set_blocking(waiting.get(), false);
  sockaddr_storage address{};
  const socklen_t size = endpoint("10.0.0.100:80").to_sockaddr(address);
  EXPECT_NE(::connect(waiting.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
  EXPECT_TRUE(holds_for(100ms, [&] { return lb1->active() == 0; }));
  // Its first word was not answered, and not refused either: the second one is.
  lb1->workers->resume();
  EXPECT_TRUE(eventually(20s, [&] { return lb1->active() == 1; }));
}

TEST_F(MoveTest, AnImageThatDoesNotFitIsAFailureOfItsOwn) {
  start();
  connect(6, Habit::idle);
  traffic->start();
  ASSERT_TRUE(eventually(20s, [&] { return traffic->paired() >= 12; }));
  take(*lb1);
  const Frozen frozen = freeze(*lb1);
  ASSERT_EQ(frozen.moving, 6U) << left(frozen);
  auto images = frozen.images;
  const auto change = [&](size_t index, auto how) {
    auto image = handover::decode(images[index]);
    ASSERT_TRUE(image) << image.error().message;
    how(*image);
    images[index] = handover::encode(*image);
  };
  change(0, [](auto& image) { image.listen.port = 81; });
  change(1, [](auto& image) { image.server.port = image.server_side.remote.port = 81; });
  change(2, [](auto& image) { image.server_side.local.ip = IpAddress::parse("10.0.0.1").value(); });
  change(4, [](auto& image) { image.client_side.local.port = 81; });
  change(5, [](auto& image) { image.server_side.remote.port = 22; });
  images.push_back("no image");
  images.push_back(images[3]);
  const Restored restored = restore(*lb2, images);
  EXPECT_EQ(restored.restored, 1U);
  ASSERT_EQ(restored.failures.size(), 7U);
  std::string all;
  for (const std::string& failure : restored.failures) all += failure + "\n";
  for (const char* why :
       {"no service listens on tcp 10.0.0.100:81", "no server 10.0.0.50:81",
        "has not the source 10.0.0.1", "a client of 10.0.0.100:81 is not one of service web",
        "it is connected to 10.0.0.50:22, not to 10.0.0.50:80", "not an image", "connect to"}) {
    EXPECT_NE(all.find(why), std::string::npos) << why << "\n" << all;
  }
  lb2->workers->discard_restored();
  lb2->settle();
  EXPECT_EQ(lb2->active() + lb2->active_at_server(), 0U);
  EXPECT_EQ(lb2->workers->open_connections(), 0U);
  give(*lb1);
  lb1->workers->thaw();
  EXPECT_EQ(traffic->finish(30s), "");
}

}  // namespace
}  // namespace hapair::lbcore::relay
