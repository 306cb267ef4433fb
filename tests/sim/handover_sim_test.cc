// Handovers without loss in virtual time: two nodes, each with the real election, vrrpd's and
// lbcore's real order of steps, and connections that are live, frozen, restored or gone. Messages
// take their time, processes die and stand still, the LAN loses, the pair link is cut, at any
// moment of a handover. What must hold:
//
//   - the two nodes never both hold the VIP for longer than an interval while their vrrpds run and
//     hear each other; one that adopts it has told nobody, and does not count
//   - connections are never live on a node while they are live on the other one that holds the VIP
//   - in the end one node is Active, and no connection was lost unless the process that had it died
//     or stood still
//
// The same seed is the same run.
#include <array>
#include <deque>
#include <functional>
#include <queue>
#include <random>

#include <gtest/gtest.h>

#include "lbcore/handover/order.h"
#include "vrrpd/election/fsm.h"
#include "vrrpd/election/handover.h"

namespace hapair {
namespace {

using lbcore::handover::Order;
namespace lb = lbcore::handover;

constexpr Duration kInterval = 100ms;
constexpr Duration kLease = 500ms;
constexpr Duration kLinkSilence = 1s;
constexpr uint64_t kConnections = 10;

enum class Connections : uint8_t { none, live, frozen, restored };

class World {
 public:
  explicit World(uint64_t seed) : random_(seed) {
    for (int i = 0; i < 2; ++i) boot_vrrpd(i);
    for (int i = 0; i < 2; ++i) boot_lbcore(i);
    run_for(3s);
    nodes_[0].connections = Connections::live;
  }

  // --- What can be done to it
  void hand_over() {
    const int from = active();
    if (from < 0 || !runs(nodes_[from].vrrpd)) return;
    Node& node = nodes_[from];
    if (node.handover->under_way()) return;
    carry_out(from, node.handover->begin(++numbers_, routers(from), "handover", now_));
  }
  void kill_vrrpd(int i) {
    Node& node = nodes_[i];
    if (!node.vrrpd.alive) return;
    node.vrrpd = {.alive = false, .frozen = false, .life = node.vrrpd.life + 1};
    later(i, node.lbcore, delay(), [this, i] { tell_lbcore_gone(i); });
    at(now_ + 5ms, [this, i] { boot_vrrpd(i); });
  }
  void kill_lbcore(int i) {
    Node& node = nodes_[i];
    if (!node.lbcore.alive) return;
    node.lbcore = {.alive = false, .frozen = false, .life = node.lbcore.life + 1};
    node.connections = Connections::none;
    died_[i] = true;
    later(i, node.vrrpd, delay(), [this, i] { lose_lbcore(i, "it is not running"); });
    if (!cut_) link_down(1 - i, delay());
    at(now_ + 300ms, [this, i] { boot_lbcore(i); });
  }
  void freeze_vrrpd(int i, Duration time) { freeze(nodes_[i].vrrpd, time); }
  void freeze_lbcore(int i, Duration time) {
    Process& process = nodes_[i].lbcore;
    if (!freeze(process, time)) return;
    died_[i] = true;  // what it had may be lost
    const uint64_t life = process.life;
    at(now_ + kLease, [this, i, life] {
      const Process& then = nodes_[i].lbcore;
      if (then.frozen && then.life == life) {
        later(i, nodes_[i].vrrpd, 0ms, [this, i] { step(i, vrrp::ServingLost{"it hangs"}); });
      }
    });
    at(now_ + time + 1ms, [this, i] {
      later(i, nodes_[i].vrrpd, 0ms, [this, i] { step(i, vrrp::ServingRegained{}); });
    });
  }
  void cut_pair_network(Duration time) {
    if (std::exchange(cut_, true)) return;
    was_cut_ = true;
    link_down(0, kLinkSilence);
    link_down(1, kLinkSilence);
    at(now_ + time, [this] {
      cut_ = false;
      at(now_ + 1100ms, [this] { link_up(); });
    });
  }
  void set_loss(double share) { loss_ = share; }

  void run_for(Duration time) {
    const TimePoint end = now_ + time;
    while (!events_.empty() && events_.top().when <= end) {
      const Event next = events_.top();
      events_.pop();
      pass(next.when);
      next.what();
    }
    pass(end);
  }

  // --- What can be seen of it
  [[nodiscard]] int active() const {
    for (int i = 0; i < 2; ++i) {
      if (nodes_[i].vrrpd.alive && nodes_[i].fsm->role() == vrrp::Role::active) return i;
    }
    return -1;
  }
  [[nodiscard]] bool one_holder() const { return nodes_[0].vip != nodes_[1].vip; }
  [[nodiscard]] bool holds(int i) const { return nodes_[i].vip; }
  [[nodiscard]] Connections connections(int i) const { return nodes_[i].connections; }
  [[nodiscard]] bool died(int i) const { return died_[i]; }
  [[nodiscard]] bool was_cut() const { return was_cut_; }
  [[nodiscard]] const std::string& violation() const { return violation_; }
  [[nodiscard]] const vrrp::Handover& handover(int i) const { return *nodes_[i].handover; }
  [[nodiscard]] bool quiet(int i) const { return nodes_[i].quiet; }
  [[nodiscard]] const std::string& story() const { return story_; }

 private:
  struct Process {
    bool alive = false;
    bool frozen = false;
    uint64_t life = 0;
    std::deque<std::function<void()>> inbox = {};
    std::deque<std::function<void()>> late = {};  // deadlines: after what waits to be read
  };
  struct Node {
    Process vrrpd;
    Process lbcore;
    std::unique_ptr<vrrp::Fsm> fsm;
    std::unique_ptr<vrrp::Handover> handover;
    std::unique_ptr<Order> order;
    bool vip = false;
    bool quiet = false;
    Connections connections = Connections::none;
    bool serving = false;
    // What the dead speaker leaves.
    bool was_active = false;
    TimePoint last_sent;
    std::optional<TimePoint> away_until;
    bool handed_over = false;
    TimePoint pair_heard;
    bool pair_alive = false;
    TimePoint role_due;  // keeps the order of what vrrpd says to lbcore, and the other way round
    TimePoint serving_due;
    TimePoint link_due;
  };
  struct Event {
    TimePoint when;
    uint64_t order = 0;
    std::function<void()> what;
    bool operator>(const Event& other) const {
      return when != other.when ? when > other.when : order > other.order;
    }
  };

  // --- Time
  void at(TimePoint when, std::function<void()> what) {
    events_.push({when, ++order_, std::move(what)});
  }
  Duration between(Duration least, Duration most) {
    return Duration(
        std::uniform_int_distribution<Duration::rep>(least.count(), most.count())(random_));
  }
  Duration delay() { return between(20us, 600us); }
  static bool runs(const Process& process) { return process.alive && !process.frozen; }
  /// For a process as it is now: one that stands still does it later, one that died never.
  void later(int, Process& process, Duration after, std::function<void()> what,
             bool deadline = false) {
    at(now_ + after, [&process, life = process.life, deadline, what = std::move(what)] {
      if (process.life != life || !process.alive) return;
      if (process.frozen) {
        (deadline ? process.late : process.inbox).push_back(what);
      } else {
        what();
      }
    });
  }
  bool freeze(Process& process, Duration time) {
    if (!runs(process)) return false;
    process.frozen = true;
    at(now_ + time, [&process, life = process.life] {
      if (process.life != life) return;
      process.frozen = false;
      while (process.alive && !process.frozen && !process.inbox.empty()) {
        const auto what = std::move(process.inbox.front());
        process.inbox.pop_front();
        what();
      }
      while (process.alive && !process.frozen && !process.late.empty()) {
        const auto what = std::move(process.late.front());
        process.late.pop_front();
        what();
      }
    });
    return true;
  }
  void pass(TimePoint when) {
    const Duration time = when - now_;
    const auto announced = [this](int i) {
      const Node& node = nodes_[i];
      return node.vip && runs(node.vrrpd) && !node.fsm->adopting();
    };
    if (announced(0) && announced(1)) {
      dual_ += time;
      if (dual_ > kInterval + 5ms && loss_ == 0) violate("both hold the VIP");
    } else {
      dual_ = Duration{0};
    }
    if (nodes_[0].connections == Connections::live && nodes_[1].connections == Connections::live &&
        nodes_[0].vip && nodes_[1].vip && loss_ == 0 && dual_ > kInterval + 5ms) {
      violate("connections live on both nodes");
    }
    now_ = when;
  }
  void violate(const std::string& what) {
    if (violation_.empty()) violation_ = what + " at " + time();
  }
  [[nodiscard]] std::string time() const {
    return std::to_string((now_ - TimePoint(1000s)) / 1us) + "us";
  }
  void tell(int i, const std::string& what) {
    story_ += time() + " lb" + std::to_string(i + 1) + " " + what + "\n";
  }

  // --- vrrpd
  void boot_vrrpd(int i) {
    Node& node = nodes_[i];
    node.vrrpd.alive = true;
    const uint8_t priority = i == 0 ? 150 : 100;
    const auto own = IpAddress::parse(i == 0 ? "10.0.0.1" : "10.0.0.2").value();
    node.fsm = std::make_unique<vrrp::Fsm>(
        vrrp::Parameters{.priority = priority, .interval = kInterval, .own_address = own});
    node.handover = std::make_unique<vrrp::Handover>();
    if (node.vrrpd.life == 0) {
      step(i, vrrp::Startup{});
      step(i, vrrp::LinkUp{});
    } else {
      if (!node.was_active) node.vip = false;  // leftovers
      step(i, vrrp::Resumed{.active = node.was_active,
                            .reason = "goes on",
                            .since = now_,
                            .last_sent = node.last_sent,
                            .active_interval = kInterval,
                            .handed_over = node.handed_over,
                            .away_until = node.away_until});
      if (!node.serving) step(i, vrrp::ServingLost{"it is not running"});
    }
    pair_turn(i, node.vrrpd.life);
    if (node.lbcore.alive) {
      tell_lbcore(i);
      tell_vrrpd(i);
    }
  }
  vrrp::Handover::Routers routers(int i) const {
    const vrrp::Fsm& fsm = *nodes_[i].fsm;
    return {{.name = "main",
             .role = fsm.role(),
             .away = fsm.away(),
             .adopting = fsm.adopting(),
             .adopted = fsm.adopting(),
             .trouble = fsm.own_trouble(),
             .addresses = {"10.0.0.100"}}};
  }
  void step(int i, const vrrp::Event& event) {
    execute(i, event);
    carry_out(i, nodes_[i].handover->changed(routers(i), now_));
  }
  void execute(int i, const vrrp::Event& event) {
    Node& node = nodes_[i];
    const auto before = node.fsm->role();
    for (const vrrp::Action& action : node.fsm->step(event, now_)) {
      if (const auto* send = std::get_if<vrrp::SendAdvertisement>(&action)) {
        advertise(i, send->priority);
      } else if (std::holds_alternative<vrrp::AddAddresses>(action)) {
        node.vip = true;
      } else if (std::holds_alternative<vrrp::RemoveAddresses>(action)) {
        node.vip = false;
      } else if (const auto* notify = std::get_if<vrrp::Notify>(&action)) {
        tell(i, std::string(name(notify->to)) + ": " + notify->reason);
      }
    }
    node.was_active = node.fsm->role() == vrrp::Role::active;
    node.away_until = node.fsm->away_until();
    node.handed_over = node.fsm->handed_over();
    arm(i);
    if (before != node.fsm->role()) say_pair_word(i);
  }
  void arm(int i) {
    const auto due = nodes_[i].fsm->deadline();
    if (!due) return;
    later(
        i, nodes_[i].vrrpd, std::max<Duration>(*due - now_, 0ms),
        [this, i] {
          const auto still = nodes_[i].fsm->deadline();
          if (still && *still <= now_) step(i, vrrp::DeadlinePassed{});
        },
        true);
  }
  void carry_out(int i, vrrp::Handover::Orders orders) {
    Node& node = nodes_[i];
    if (busy_[i]) return;
    busy_[i] = true;
    while (!orders.empty()) {
      for (const auto& order : orders) execute(i, order.event);
      orders = node.handover->changed(routers(i), now_);
    }
    busy_[i] = false;
    if (const auto due = node.handover->deadline()) {
      later(
          i, node.vrrpd, std::max<Duration>(*due - now_, 0ms),
          [this, i] { carry_out(i, nodes_[i].handover->expired(routers(i), now_)); }, true);
    }
    tell_lbcore(i);
  }
  void advertise(int i, uint8_t priority) {
    nodes_[i].last_sent = priority == 0 ? nodes_[i].last_sent : now_;
    if (std::uniform_real_distribution<>(0, 1)(random_) < loss_) return;
    const auto sender = nodes_[i].fsm->parameters().own_address;
    Node& other = nodes_[1 - i];
    later(1 - i, other.vrrpd, delay(), [this, i, sender, priority] {
      step(1 - i, vrrp::Heard{.sender = sender, .priority = priority, .interval = kInterval});
    });
  }
  void pair_turn(int i, uint64_t life) {
    Node& node = nodes_[i];
    if (!node.vrrpd.alive || node.vrrpd.life != life) return;
    later(i, node.vrrpd, kInterval, [this, i, life] {
      say_pair_word(i);
      if (nodes_[i].pair_alive && now_ - nodes_[i].pair_heard > 7 * kInterval / 2) {
        nodes_[i].pair_alive = false;
        step(i, vrrp::PairSilent{});
      }
      pair_turn(i, life);
    });
  }
  void say_pair_word(int i) {
    if (cut_) return;
    const vrrp::Fsm& fsm = *nodes_[i].fsm;
    const vrrp::PairWord word{.node = i == 0 ? "lb1" : "lb2",
                              .role = fsm.role(),
                              .priority = fsm.parameters().priority,
                              .interval = kInterval,
                              .address = fsm.parameters().own_address,
                              .hears_us = fsm.hears_another(now_),
                              .proven = now_ - 1ms};
    later(1 - i, nodes_[1 - i].vrrpd, delay(), [this, i, word] {
      if (now_ - word.proven > kInterval) return;  // it was held back: not its word any more
      nodes_[1 - i].pair_heard = now_;
      nodes_[1 - i].pair_alive = true;
      step(1 - i, word);
    });
  }

  // --- Between vrrpd and lbcore
  void tell_lbcore(int i) {
    Node& node = nodes_[i];
    if (!node.lbcore.alive) return;
    lb::Node said{
        .connected = true, .hands_over = true, .holding = {}, .handover = node.handover->word()};
    if (node.fsm->role() == vrrp::Role::active && !node.fsm->away()) said.holding.insert("main");
    node.role_due = std::max(node.role_due, now_ + delay());
    later(i, node.lbcore, node.role_due - now_,
          [this, i, said] { run(i, nodes_[i].order->vrrpd_says(said, now_)); });
  }
  void tell_lbcore_gone(int i) { run(i, nodes_[i].order->vrrpd_says({}, now_)); }
  void tell_vrrpd(int i) {
    Node& node = nodes_[i];
    if (!node.vrrpd.alive) return;
    const role::Handover word = node.order->word();
    node.serving_due = std::max(node.serving_due, now_ + delay());
    later(i, node.vrrpd, node.serving_due - now_, [this, i, word] {
      Node& then = nodes_[i];
      if (!std::exchange(then.serving, true)) step(i, vrrp::ServingRegained{});
      const bool any = word.step() != role::Handover::NONE;
      carry_out(i, then.handover->heard(any ? &word : nullptr, routers(i), now_));
    });
  }
  void lose_lbcore(int i, const std::string& why) {
    nodes_[i].serving = false;
    step(i, vrrp::ServingLost{why});
    carry_out(i, nodes_[i].handover->lbcore_gone(routers(i), now_));
  }

  // --- lbcore
  void boot_lbcore(int i) {
    Node& node = nodes_[i];
    node.lbcore.alive = true;
    node.order = std::make_unique<Order>();
    node.quiet = false;
    if (node.vrrpd.alive) {
      tell_lbcore(i);
      tell_vrrpd(i);
    }
    if (!cut_) at(now_ + 50ms, [this] { link_up(); });
  }
  void link_up() {
    if (cut_ || !nodes_[0].lbcore.alive || !nodes_[1].lbcore.alive) return;
    for (int i = 0; i < 2; ++i) {
      later(i, nodes_[i].lbcore, delay(), [this, i] { run(i, nodes_[i].order->peer_up(now_)); });
    }
    ++link_;
  }
  void link_down(int i, Duration after) {
    ++link_;
    later(i, nodes_[i].lbcore, after, [this, i] { run(i, nodes_[i].order->peer_down(now_)); });
  }
  void run(int i, const lb::Actions& actions) {
    for (const auto& action : actions) std::visit([&](const auto& one) { act(i, one); }, action);
    if (const auto due = nodes_[i].order->deadline()) {
      later(
          i, nodes_[i].lbcore, std::max<Duration>(*due - now_, 0ms),
          [this, i] { run(i, nodes_[i].order->expired(now_)); }, true);
    }
  }
  /// It takes some time, and tells its end.
  template <typename End>
  void work(int i, End end) {
    later(i, nodes_[i].lbcore, between(200us, 40ms), [this, i, end] { run(i, end()); });
  }
  void act(int i, const lb::Tell&) { tell_vrrpd(i); }
  void act(int i, const lb::SendFrame& send) { send_frame(i, send.frame); }
  void act(int i, const lb::SendImages& images) {
    lb::wire::Handover frame;
    frame.set_number(images.number);
    frame.mutable_images();
    send_frame(i, frame);
    frame.set_all_sent(kConnections);
    send_frame(i, frame);
  }
  void send_frame(int i, const lb::wire::Handover& frame) {
    if (cut_) return;
    Node& node = nodes_[i];
    node.link_due = std::max(node.link_due, now_ + delay());
    later(1 - i, nodes_[1 - i].lbcore, node.link_due - now_, [this, i, frame, link = link_] {
      if (link == link_) run(1 - i, nodes_[1 - i].order->frame(frame, now_));
    });
  }
  void act(int i, const lb::Quiesce&) {
    nodes_[i].quiet = true;
    work(i, [this, i] { return nodes_[i].order->quiesced(now_); });
  }
  void act(int i, const lb::Resume&) { nodes_[i].quiet = false; }
  void act(int i, const lb::Freeze&) {
    work(i, [this, i] {
      if (nodes_[i].connections == Connections::live) nodes_[i].connections = Connections::frozen;
      return nodes_[i].order->frozen({.moving = kConnections, .drained = 0, .left = {}}, now_);
    });
  }
  void act(int i, const lb::Thaw&) { turn(i, Connections::frozen, Connections::live); }
  void act(int i, const lb::DiscardFrozen&) { turn(i, Connections::frozen, Connections::none); }
  void act(int i, const lb::Restore&) {
    work(i, [this, i] {
      if (nodes_[i].connections == Connections::none) nodes_[i].connections = Connections::restored;
      return nodes_[i].order->restored(kConnections, {}, now_);
    });
  }
  void act(int i, const lb::Revive&) { turn(i, Connections::restored, Connections::live); }
  void act(int i, const lb::DiscardRestored&) { turn(i, Connections::restored, Connections::none); }
  void act(int i, const lb::Ended& ended) {
    tell(i, std::string(ended.gave ? "gave" : "took") + (ended.failed ? " not: " : " ") +
                ended.reason);
  }
  void turn(int i, Connections from, Connections to) {
    if (nodes_[i].connections == from) nodes_[i].connections = to;
  }

  std::mt19937_64 random_;
  TimePoint now_{1000s};
  uint64_t order_ = 0;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::array<Node, 2> nodes_;
  std::array<bool, 2> busy_{};
  std::array<bool, 2> died_{};
  uint64_t numbers_ = 0;
  uint64_t link_ = 0;
  bool cut_ = false;
  bool was_cut_ = false;
  double loss_ = 0;
  Duration dual_{0};
  std::string violation_;
  std::string story_;
};

void finish(World& world) {
  world.run_for(15s);
  EXPECT_EQ(world.violation(), "") << world.story();
  EXPECT_TRUE(world.one_holder()) << world.story();
  const int active = world.active();
  ASSERT_GE(active, 0) << world.story();
  EXPECT_TRUE(world.holds(active)) << world.story();
  EXPECT_FALSE(world.quiet(active)) << "new connections are kept off\n" << world.story();
}

TEST(HandoverSim, there_and_back_again_the_connections_are_where_the_vip_is) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(seed);
    World world(seed);
    for (int i = 1; i <= 6; ++i) {
      world.hand_over();
      world.run_for(1s);
      ASSERT_EQ(world.active(), i % 2) << world.story();
      ASSERT_EQ(world.connections(i % 2), Connections::live) << world.story();
      ASSERT_EQ(world.connections(1 - i % 2), Connections::none) << world.story();
      ASSERT_TRUE(world.handover((i + 1) % 2).report()->finished);
      ASSERT_FALSE(world.handover((i + 1) % 2).report()->failed);
    }
    finish(world);
  }
}

TEST(HandoverSim, the_peers_process_dies_or_stands_still_at_any_moment_and_nothing_is_lost) {
  int moved = 0;
  for (uint64_t seed = 1; seed <= 600; ++seed) {
    SCOPED_TRACE(seed);
    World world(seed);
    std::mt19937_64 random(seed * 7);
    world.hand_over();
    world.run_for(std::chrono::microseconds(random() % 150'000));
    const auto time = std::chrono::milliseconds(random() % 3000);
    switch (random() % 4) {
      case 0:
        world.kill_lbcore(1);
        break;
      case 1:
        world.kill_vrrpd(1);
        break;
      case 2:
        world.freeze_lbcore(1, time);
        break;
      default:
        world.freeze_vrrpd(1, time);
    }
    finish(world);
    if (testing::Test::HasFailure()) return;
    const int active = world.active();
    moved += active;
    // Those that lived at the peer already are its own to lose.
    if (world.handover(0).report()->failed) {
      ASSERT_EQ(active, 0) << world.story();
    } else if (world.connections(0) == Connections::none) {
      continue;
    }
    ASSERT_EQ(world.connections(active), Connections::live) << world.story();
  }
  EXPECT_GT(moved, 20) << "some came too late to disturb it";
}

TEST(HandoverSim, the_pair_network_is_cut_at_any_moment) {
  for (uint64_t seed = 1; seed <= 250; ++seed) {
    SCOPED_TRACE(seed);
    World world(seed);
    std::mt19937_64 random(seed * 11);
    world.hand_over();
    world.run_for(std::chrono::microseconds(random() % 150'000));
    world.cut_pair_network(std::chrono::milliseconds(random() % 5000));
    finish(world);
    if (testing::Test::HasFailure()) return;
    ASSERT_EQ(world.connections(world.active()), Connections::live) << world.story();
  }
}

TEST(HandoverSim, the_giving_speaker_dies_at_any_moment_and_the_next_one_knows) {
  for (uint64_t seed = 1; seed <= 250; ++seed) {
    SCOPED_TRACE(seed);
    World world(seed);
    std::mt19937_64 random(seed * 13);
    world.hand_over();
    world.run_for(std::chrono::microseconds(random() % 150'000));
    world.kill_vrrpd(0);
    finish(world);
    if (testing::Test::HasFailure()) return;
    ASSERT_EQ(world.connections(world.active()), Connections::live) << world.story();
  }
}

TEST(HandoverSim, anything_at_any_moment_ends_with_one_active_node) {
  for (uint64_t seed = 1; seed <= 250; ++seed) {
    SCOPED_TRACE(seed);
    World world(seed);
    std::mt19937_64 random(seed * 17);
    for (int i = 0; i < 4; ++i) {
      world.hand_over();
      world.run_for(std::chrono::microseconds(random() % 200'000));
      const int node = static_cast<int>(random() % 2);
      const auto time = std::chrono::milliseconds(random() % 2000);
      switch (random() % 6) {
        case 0:
          world.kill_lbcore(node);
          break;
        case 1:
          world.kill_vrrpd(node);
          break;
        case 2:
          world.freeze_lbcore(node, time);
          break;
        case 3:
          world.freeze_vrrpd(node, time);
          break;
        case 4:
          world.cut_pair_network(time);
          break;
        default:
          world.set_loss(0.3);
          world.run_for(time);
          world.set_loss(0);
      }
      world.run_for(std::chrono::milliseconds(random() % 4000));
    }
    finish(world);
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace hapair
