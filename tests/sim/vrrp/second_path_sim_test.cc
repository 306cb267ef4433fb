// Two nodes with the real election, pair path and witness in virtual time: a LAN and a pair link,
// each with its own partitions, one way or both, and a gateway that each node reaches or does not.
// What must never happen is asserted after every event; at the end everything heals and one node
// serves.
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "vrrpd/election/fsm.h"
#include "vrrpd/pair_path/path.h"
#include "vrrpd/witness/witness.h"

namespace hapair::vrrp::sim {
namespace {

constexpr PairKey kKey{7};
constexpr Duration kDelay = 200us;  // of everything that is sent, at most

struct PairSetup {
  Duration interval = 100ms;
  uint8_t priority[2] = {100, 100};
  bool preempt = false;
  bool witness = false;
};

class World {
 public:
  World(const PairSetup& setup, uint64_t seed) : setup_(setup), random_(seed) {
    for (const int node : {0, 1}) boot(node);
  }

  void at(TimePoint when, std::function<void()> what) {
    events_.push({when, order_++, std::move(what)});
  }
  // Direction: what `node` sends.
  void lan(int node, bool works) { set(lan_[node], works, node, "LAN"); }
  void pair(int node, bool works) { set(pair_[node], works, node, "pair path"); }
  void gateway(int node, bool works) { set(gateway_[node], works, node, "gateway"); }
  void serving(int node, bool on) {
    tell(node, on ? "serves" : "does not serve");
    if (on) {
      step(node, ServingRegained{});
    } else {
      step(node, ServingLost{"lbcore is not serving"});
    }
  }
  void restart(int node) {
    tell(node, "restarts");
    step(node, Shutdown{"restarts"});
    boot(node);
  }
  void hand_over(int node) { step(node, HandOver{"handover"}); }

  void run_until(TimePoint end) {
    while (violation_.empty() && !events_.empty() && events_.top().when <= end) {
      const Item item = events_.top();
      events_.pop();
      check(item.when);
      now_ = item.when;
      item.what();
    }
    check(end);
    now_ = end;
  }

  [[nodiscard]] TimePoint now() const { return now_; }
  [[nodiscard]] bool active(int node) const { return nodes_[node].fsm->role() == Role::active; }
  [[nodiscard]] const std::string& violation() const { return violation_; }
  [[nodiscard]] std::string story() const { return fmt::format("{}", fmt::join(story_, "\n")); }

 private:
  struct Node {
    std::unique_ptr<Life> life;
    std::unique_ptr<Path> path;
    std::unique_ptr<Fsm> fsm;
    std::unique_ptr<Witness> witness;
    uint64_t generation = 0;  // of this life
    uint64_t deadline = 0;    // number of the armed one
    bool asking = false;
    bool resigning = false;
    bool vip = false;
    TimePoint look_at;
  };
  struct Item {
    TimePoint when;
    uint64_t order;
    std::function<void()> what;
    bool operator>(const Item& other) const {
      return when != other.when ? when > other.when : order > other.order;
    }
  };

  void set(bool& what, bool works, int node, std::string_view name) {
    what = works;
    tell(node, fmt::format("{} {}", name, works ? "works" : "dead"));
  }
  Duration delay() {
    return std::chrono::duration_cast<Duration>(kDelay *
                                                std::uniform_real_distribution<>(0.1, 1)(random_));
  }
  void later(int node, Duration in, std::function<void()> what) {
    at(now_ + in, [this, node, generation = nodes_[node].generation, what = std::move(what)] {
      if (nodes_[node].generation == generation) what();
    });
  }

  void boot(int node) {
    Node& self = nodes_[node];
    const uint64_t epoch = self.life ? self.life->epoch() + 1 : 1000;
    const uint64_t generation = self.generation + 1;
    self = Node{};
    self.generation = generation;
    self.life = std::make_unique<Life>(epoch);
    self.path = std::make_unique<Path>(kKey, name_of(node), name_of(1 - node), *self.life);
    self.witness = std::make_unique<Witness>(10 * setup_.interval);
    Parameters parameters{.priority = setup_.priority[node],
                          .interval = setup_.interval,
                          .preempt = setup_.preempt,
                          .own_address = address_of(node)};
    parameters.witness = setup_.witness;
    self.fsm = std::make_unique<Fsm>(parameters);
    step(node, LinkUp{});
    step(node, Startup{});
    heartbeat(node);
    if (!setup_.witness) return;
    self.witness->begin(now_);
    witness_turn(node);
  }

  // --- The shell around the state machine, as the daemon's is
  void step(int node, const Event& event) {
    for (const Action& action : nodes_[node].fsm->step(event, now_)) execute(node, action);
    look(node);
  }
  void execute(int node, const Action& action) {
    Node& self = nodes_[node];
    if (const auto* send = std::get_if<SendAdvertisement>(&action)) {
      if (send->priority == 0 && !send->to_winner) {
        self.resigning = true;
        speak(node, false);
        self.resigning = false;
      }
      advertise(node, send->priority);
    } else if (std::holds_alternative<AddAddresses>(action)) {
      self.vip = true;
    } else if (std::holds_alternative<RemoveAddresses>(action)) {
      self.vip = false;
    } else if (const auto* arm = std::get_if<ArmDeadline>(&action)) {
      const uint64_t number = ++self.deadline;
      later(node, std::max<Duration>(arm->at - now_, 0ns), [this, node, number] {
        if (nodes_[node].deadline == number) step(node, DeadlinePassed{});
      });
    } else if (std::holds_alternative<DisarmDeadline>(action)) {
      ++self.deadline;
    } else if (std::holds_alternative<AskWitness>(action)) {
      look_closely(node, setup_.interval);
    } else if (const auto* notify = std::get_if<Notify>(&action)) {
      tell(node,
           fmt::format("{} -> {} ({})", name(notify->from), name(notify->to), notify->reason));
      if (notify->from != notify->to) speak(node, false);
    }
  }
  void advertise(int node, uint8_t priority) {
    if (!lan_[node]) return;
    const Heard heard{
        .sender = address_of(node), .priority = priority, .interval = setup_.interval};
    at(now_ + delay(), [this, to = 1 - node, heard] { step(to, heard); });
  }
  void look(int node) {
    Node& self = nodes_[node];
    const auto miss = self.fsm->first_miss();
    if (!miss || *miss > now_) {
      self.asking = false;
      if (!miss || self.look_at == *miss) return;
      self.look_at = *miss;
      later(node, *miss - now_, [this, node, at = *miss] {
        if (nodes_[node].look_at == at) look(node);
      });
      return;
    }
    if (!self.asking) look_around(node);
  }
  void look_around(int node) {
    Node& self = nodes_[node];
    const auto miss = self.fsm->first_miss();
    if (!miss || *miss > now_) return;
    self.asking = true;
    speak(node, true);
    look_closely(node, std::max<Duration>(setup_.interval, 20ms));
    later(node, setup_.interval / 2, [this, node] {
      if (nodes_[node].asking) look_around(node);
    });
  }

  // --- The pair path
  void heartbeat(int node) {
    speak(node, false);
    later(node, setup_.interval, [this, node] { heartbeat(node); });
    if (nodes_[node].path->check(now_)) step(node, PairSilent{});
  }
  void speak(int node, bool ask) {
    Node& self = nodes_[node];
    OwnView own{.pace = setup_.interval, .routers = {}};
    RouterWord word{.id = 1,
                    .vrid = 51,
                    .role = self.fsm->role(),
                    .priority = setup_.priority[node],
                    .interval = setup_.interval,
                    .link_ok = true,
                    .hears_you = self.fsm->hears_another(now_),
                    .asks = self.asking,
                    .resigns = self.resigning};
    if (self.witness->answered()) word.witness_age = now_ - *self.witness->answered();
    word.address = address_of(node);
    own.routers.push_back(word);
    const auto bytes = self.path->compose(own, ask, now_);
    if (!pair_[node]) return;
    // In order, as one link keeps it.
    arrives_[node] = std::max(arrives_[node] + 1ns, now_ + delay());
    at(arrives_[node], [this, to = 1 - node, bytes] { hear(to, bytes); });
  }
  void hear(int node, const std::vector<uint8_t>& bytes) {
    Node& self = nodes_[node];
    const uint64_t generation = self.generation;
    const auto news = self.path->receive(bytes, now_);
    if (!news) return;
    if (news->live) {
      if (!news->resigned.empty()) step(node, PeerResigned{name_of(1 - node)});
      const RouterWord word = self.path->peer().routers[0];
      PairWord said{.node = name_of(1 - node),
                    .role = word.role,
                    .priority = word.priority,
                    .interval = word.interval,
                    .address = word.address,
                    .hears_us = word.hears_you,
                    .witness_answered = {},
                    .proven = news->proven};
      if (word.witness_age) said.witness_answered = now_ - *word.witness_age;
      step(node, said);
      if (word.asks && self.fsm->role() == Role::active) {
        look_closely(node, std::max<Duration>(setup_.interval, 50ms));
      }
    }
    if (news->answer && self.generation == generation) speak(node, false);
  }

  // --- The witness
  void look_closely(int node, Duration window) {
    if (!setup_.witness) return;
    nodes_[node].witness->look_closely(now_, window);
    witness_turn(node);
  }
  void witness_turn(int node) {
    Node& self = nodes_[node];
    const auto outcome = self.witness->on_time(now_);
    const TimePoint next = self.witness->next();
    later(node, std::max<Duration>(next - now_, 0ns), [this, node, next] {
      if (nodes_[node].witness->next() == next) witness_turn(node);
    });
    if (outcome.probe && gateway_[node]) {
      later(node, delay() * 2, [this, node] {
        if (!gateway_[node]) return;
        nodes_[node].witness->on_answer(now_);
        witness_turn(node);
        step(node, WitnessAnswered{});
      });
    }
    if (outcome.failed) {
      step(node, WitnessFailed{.reason = "the witness does not answer",
                               .since = self.witness->silent_since().value_or(now_),
                               .asked = outcome.asked});
    }
  }

  // --- What must hold
  void check(TimePoint until) {
    const bool hear = (lan_[0] && lan_[1]) || (pair_[0] && pair_[1]);
    measure(nodes_[0].vip && nodes_[1].vip && hear, dual_, until,
            setup_.interval * 3 / 2 + 10 * kDelay, "both are Active although they hear each other");
    for (const int node : {0, 1}) {
      const Node& self = nodes_[node];
      if (self.vip && self.fsm->role() != Role::active) {
        violation_ = fmt::format("node {} holds the VIP as {}", node + 1, name(self.fsm->role()));
      }
      // Cut off from gateway and peer, nobody stays Active for longer than it takes to know: four
      // questions, and the time until the peer counts as silent.
      measure(setup_.witness && self.vip && !gateway_[node] && !pair_[1 - node], alone_[node],
              until, 45 * setup_.interval + 500ms, "an Active without gateway and peer stays");
    }
  }
  void measure(bool holds, std::optional<TimePoint>& since, TimePoint until, Duration most,
               std::string_view what) {
    if (!holds) return since.reset();
    if (!since) since = now_;
    if (until - *since > most && violation_.empty()) {
      violation_ = fmt::format("{} ({} us)", what, (until - *since) / 1us);
    }
  }
  void tell(int node, std::string_view what) {
    story_.push_back(
        fmt::format("{:>10.3f} ms  node {}: {}",
                    std::chrono::duration<double, std::milli>(now_ - TimePoint(1000s)).count(),
                    node + 1, what));
  }
  static std::string name_of(int node) { return node == 0 ? "lb1" : "lb2"; }
  static IpAddress address_of(int node) {
    return IpAddress::v4(0x0a000001U + static_cast<uint32_t>(node));
  }

  PairSetup setup_;
  std::mt19937_64 random_;
  TimePoint now_{1000s};
  uint64_t order_ = 0;
  std::priority_queue<Item, std::vector<Item>, std::greater<>> events_;
  Node nodes_[2];
  bool lan_[2] = {true, true};
  bool pair_[2] = {true, true};
  bool gateway_[2] = {true, true};
  TimePoint arrives_[2];
  std::optional<TimePoint> dual_;
  std::optional<TimePoint> alone_[2];
  std::string violation_;
  std::vector<std::string> story_;
};

template <typename T>
T one_of(std::mt19937_64& random, const std::vector<T>& choices) {
  return choices[std::uniform_int_distribution<size_t>(0, choices.size() - 1)(random)];
}

PairSetup random_setup(std::mt19937_64& random) {
  PairSetup out;
  out.interval = one_of<Duration>(random, {10ms, 100ms, 1s});
  for (uint8_t& priority : out.priority) priority = one_of<uint8_t>(random, {1, 100, 150, 254});
  out.preempt = one_of<int>(random, {0, 1}) == 1;
  out.witness = one_of<int>(random, {0, 1}) == 1;
  return out;
}

void break_something(World& world, std::mt19937_64& random, TimePoint when, TimePoint mended) {
  const int node = one_of<int>(random, {0, 1});
  const auto both = [&](auto set) {
    world.at(when, [&world, set, node] {
      (world.*set)(node, false);
      (world.*set)(1 - node, false);
    });
    world.at(mended, [&world, set, node] {
      (world.*set)(node, true);
      (world.*set)(1 - node, true);
    });
  };
  const auto one = [&](auto set) {
    world.at(when, [&world, set, node] { (world.*set)(node, false); });
    world.at(mended, [&world, set, node] { (world.*set)(node, true); });
  };
  switch (std::uniform_int_distribution<>(0, 8)(random)) {
    case 0:
      return both(&World::lan);
    case 1:
      return one(&World::lan);
    case 2:
      return both(&World::pair);
    case 3:
      return one(&World::pair);
    case 4:
      return both(&World::gateway);
    case 5:
      return one(&World::gateway);
    case 6:
      return one(&World::serving);
    case 7:
      return world.at(when, [&world, node] { world.restart(node); });
    default:
      return world.at(when, [&world, node] { world.hand_over(node); });
  }
}

TEST(SecondPathSimulation, WhateverIsCutTheInvariantsHold) {
  const char* given = std::getenv("HAPAIR_SIM_SEED");
  const uint64_t first = given == nullptr ? 1 : std::strtoull(given, nullptr, 10);
  const uint64_t runs = given == nullptr ? 3000 : 1;
  for (uint64_t seed = first; seed < first + runs; ++seed) {
    std::mt19937_64 random(seed);
    const PairSetup setup = random_setup(random);
    World world(setup, seed);
    const Duration span = setup.interval * 40;
    const int faults = std::uniform_int_distribution<>(1, 6)(random);
    for (int i = 0; i < faults; ++i) {
      const auto share = [&](double from, double to) {
        return std::chrono::duration_cast<Duration>(
            setup.interval * std::uniform_real_distribution<>(from, to)(random));
      };
      const TimePoint when = TimePoint(1000s) + share(4, 40);
      break_something(world, random, when, when + share(0.1, 20));
    }
    world.run_until(TimePoint(1000s) + span + setup.interval * 21);
    for (const int node : {0, 1}) {
      world.lan(node, true);
      world.pair(node, true);
      world.gateway(node, true);
      world.serving(node, true);
    }
    world.run_until(world.now() + setup.interval * 30 + 200ms);
    const auto explain = [&] {
      return fmt::format("seed {} (replay: HAPAIR_SIM_SEED={} sim_second_path)\n{}", seed, seed,
                         world.story());
    };
    ASSERT_EQ(world.violation(), "") << explain();
    ASSERT_NE(world.active(0), world.active(1)) << explain();
  }
}

/// What the table of vrrpd(8) says of the commonest partitions.
TEST(SecondPathSimulation, APartitionOfTheLanMovesNothingWhileThePairPathLives) {
  for (uint64_t seed = 1; seed <= 1000; ++seed) {
    std::mt19937_64 random(seed);
    PairSetup setup = random_setup(random);
    setup.preempt = false;
    World world(setup, seed);
    world.run_until(TimePoint(1000s) + setup.interval * 10);
    const int was = world.active(0) ? 0 : 1;
    world.lan(0, false);
    world.lan(1, one_of<int>(random, {0, 1}) == 1);
    for (int i = 0; i < 200; ++i) {
      world.run_until(world.now() + setup.interval / 10);
      ASSERT_TRUE(world.active(was)) << seed << "\n" << world.story();
      ASSERT_FALSE(world.active(1 - was)) << seed << "\n" << world.story();
    }
  }
}

TEST(SecondPathSimulation, AHandoverMovesTheRoleOverThePairPathWithinADelay) {
  for (uint64_t seed = 1; seed <= 1000; ++seed) {
    std::mt19937_64 random(seed);
    PairSetup setup = random_setup(random);
    World world(setup, seed);
    world.run_until(TimePoint(1000s) + setup.interval * 10);
    const int was = world.active(0) ? 0 : 1;
    world.hand_over(was);
    world.run_until(world.now() + 2 * kDelay);
    ASSERT_TRUE(world.active(1 - was)) << seed << "\n" << world.story();
    ASSERT_FALSE(world.active(was)) << seed << "\n" << world.story();
    // And preemption does not take it right back.
    world.run_until(world.now() + setup.interval * 20);
    ASSERT_TRUE(world.active(1 - was)) << seed << "\n" << world.story();
  }
}

}  // namespace
}  // namespace hapair::vrrp::sim
