#include "tests/bench/failover/faults.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <limits>

#include "tests/support/wait.h"

namespace hapair::test::bench {

namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

double ms(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

/// Any moment of one advertisement interval from now on.
TimePoint random_phase(const Pair& pair, std::mt19937& random) {
  const double share = std::uniform_real_distribution<>(0, 1)(random);
  wait_until(Clock::now() + std::chrono::duration_cast<Duration>(pair.setup().interval * share));
  return Clock::now();
}

/// Long enough for the slowest election of the RFC, and for an address that flaps back.
void let_settle(const Pair& pair, TimePoint broken) {
  wait_until(broken + 4 * pair.setup().interval + 1200ms);
}

/// The longest time without an answer.
Figure outage_since(const Pair& pair, TimePoint broken) {
  return {.value = ms(pair.client_log().longest_gap(broken)),
          .tcp = ms(pair.tcp_log().longest_gap(broken))};
}

using Break = std::function<void(Pair&)>;

std::function<Figure(Pair&, std::mt19937&)> outage(Break breaks) {
  return [breaks = std::move(breaks)](Pair& pair, std::mt19937& random) {
    const TimePoint broken = random_phase(pair, random);
    breaks(pair);
    let_settle(pair, broken);
    return outage_since(pair, broken);
  };
}

/// Until lb2 answers the client for the first time.
std::function<Figure(Pair&, std::mt19937&)> until_the_other_answers(Break breaks) {
  return [breaks = std::move(breaks)](Pair& pair, std::mt19937& random) {
    const TimePoint broken = random_phase(pair, random);
    breaks(pair);
    let_settle(pair, broken);
    for (const Stretch& stretch : pair.client_log().stretches(broken)) {
      if (stretch.who == "lb2") return Figure{.value = ms(stretch.first - broken)};
    }
    return Figure{.value = kNever};
  };
}

/// Until exactly one node answers a broadcast question for the VIP, for good.
std::function<Figure(Pair&, std::mt19937&)> until_one_answers(Break breaks) {
  return [breaks = std::move(breaks)](Pair& pair, std::mt19937& random) {
    const TimePoint broken = random_phase(pair, random);
    breaks(pair);
    let_settle(pair, broken);
    wait_until(broken + 4 * pair.setup().interval +
               2600ms);  // the kernel's lease may have to end it
    TimePoint last_of_lb1 = broken;
    std::optional<TimePoint> first_of_lb2;
    for (const Stretch& stretch : pair.arp_log().stretches(broken)) {
      if (stretch.who == "lb1") last_of_lb1 = std::max(last_of_lb1, stretch.last);
      if (stretch.who == "lb2" && !first_of_lb2) first_of_lb2 = stretch.first;
    }
    if (!first_of_lb2 || Clock::now() - last_of_lb1 < 100ms) {
      return Figure{.value = kNever};
    }
    return Figure{.value = ms(std::max(last_of_lb1, *first_of_lb2) - broken)};
  };
}

void signal_all(Pair& pair, int number) {
  for (const int process : pair.processes(pair.lb1())) ::kill(process, number);
}

/// At one moment: stopped first, so that none sees another one die.
void kill_all(Pair& pair) {
  const std::vector<int> processes = pair.processes(pair.lb1());
  for (const int number : {SIGSTOP, SIGKILL}) {
    for (const int process : processes) ::kill(process, number);
  }
}

Figure heal_a_partition(Pair& pair, std::mt19937& random) {
  // An Active of some age: a young one still repeats its announcements and hides the trouble.
  wait_until(Clock::now() + 6s);
  pair.set_reachable(pair.lb1(), false);
  const double intervals = std::uniform_real_distribution<>(5, 9)(random);
  wait_until(Clock::now() +
             std::chrono::duration_cast<Duration>(pair.setup().interval * intervals) + 200ms);
  const TimePoint healed = Clock::now();
  pair.set_reachable(pair.lb1(), true);
  wait_until(healed + 6 * pair.setup().interval + 4s);
  // Before the healing, lb2 answers; whatever gap begins after it is the healing's.
  Duration longest{0};
  for (const Gap& gap : pair.client_log().gaps(healed, 2ms)) {
    longest = std::max(longest, gap.end - std::max(gap.begin, healed));
  }
  return {.value = ms(longest)};
}

Figure freeze(Pair& pair, std::mt19937& random) {
  (void)random_phase(pair, random);
  signal_all(pair, SIGSTOP);
  wait_until(Clock::now() + 5s);
  const TimePoint thawed = Clock::now();
  signal_all(pair, SIGCONT);
  wait_until(thawed + 6 * pair.setup().interval + 1s);
  return {.value = ms(pair.arp_log().dual_window(thawed))};
}

Figure delete_vip(Pair& pair, std::mt19937& random) {
  const TimePoint broken = random_phase(pair, random);
  for (const char* form : {"/32", "/24"}) {
    (void)pair.lb1().inside.try_exec(
        {"ip", "address", "del", std::string(Pair::kVip) + form, "dev", "eth0"});
  }
  let_settle(pair, broken);
  return outage_since(pair, broken);
}

const std::array kFaults{
    Fault{.name = "stop", .measure = "outage", .trial = outage([](Pair& pair) {
                                                 ::kill(pair.processes(pair.lb1())[0], SIGTERM);
                                               })},
    Fault{.name = "speaker", .measure = "outage", .trial = outage([](Pair& pair) {
                                                    // keepalived: its vrrp child. vrrpd: the last
                                                    // that its guardian started.
                                                    ::kill(pair.processes(pair.lb1()).back(),
                                                           SIGKILL);
                                                  })},
    Fault{.name = "guardian",
          .measure = "until lb2 answers",
          .trial = until_the_other_answers(
              [](Pair& pair) { ::kill(pair.processes(pair.lb1())[0], SIGKILL); })},
    Fault{.name = "lbcore",
          .measure = "until lb2 answers",
          .needs_lbcore = true,
          .keepalived = false,
          .trial = until_the_other_answers([](Pair& pair) { pair.lb1().lbcore->signal(SIGKILL); })},
    Fault{.name = "all", .measure = "until only one answers", .trial = until_one_answers(kill_all)},
    Fault{.name = "all-supervised",
          .measure = "until only one answers",
          .supervised = true,
          .trial = until_one_answers(kill_all)},
    Fault{.name = "link", .measure = "outage", .trial = outage([](Pair& pair) {
                                                 pair.set_cable(pair.lb1(), false);
                                               })},
    Fault{.name = "lost", .measure = "outage", .trial = outage([](Pair& pair) {
                                                 pair.set_reachable(pair.lb1(), false);
                                               })},
    Fault{.name = "healed", .measure = "outage after healing", .trial = heal_a_partition},
    Fault{.name = "frozen", .measure = "two answer after SIGCONT", .trial = freeze},
    Fault{.name = "vip", .measure = "outage", .trial = delete_vip},
};

}  // namespace

std::span<const Fault> faults() {
  return kFaults;
}

}  // namespace hapair::test::bench
