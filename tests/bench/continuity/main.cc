// What the clients of long connections notice when the Active node changes: keepalived with HAProxy
// (peers, stick table) beside hapair, interleaved in one run.
//
//   handover   a planned move under `connections` connections, half of them streams and half
//              dialogues: how many are lost, how long a stream stood still, how long the VIP was
//              dark for a datagram every millisecond
//   again      the same, there and back `turns` times
//   requests   50 dialogues that ask without a pause of their own, together about 2,000 questions a
//              second, through a planned move: how many ended
//   crash      the Active node dies under `connections` clients that wait to receive: how many are
//              told within 5 s, and how long after the other node took over
//
// usage: bench_continuity [--reps N] [--rows handover,again,requests,crash]
//                         [--contenders haproxy,hapair] [--connections N] [--turns N]
#include <algorithm>
#include <cstdio>
#include <exception>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tests/bench/continuity/pair.h"
#include "tests/bench/options.h"
#include "tests/support/held_clients.h"
#include "tests/support/prober.h"
#include "tests/support/wait.h"

namespace hapair::test::bench {
namespace {

struct Options {
  int reps = 5;
  int connections = 1000;
  int turns = 10;
  std::vector<std::string> rows{"handover", "again", "requests", "crash"};
  std::vector<std::string> contenders{"haproxy", "hapair"};
};

/// In milliseconds, or numbers of connections.
using Figures = std::map<std::string, double>;

double in_ms(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

void must(const ::testing::AssertionResult& result) {
  if (!result) throw std::runtime_error(result.message());
}

void pass(Duration time) {
  const TimePoint until = Clock::now() + time;
  (void)eventually(time + 1s, [&] { return Clock::now() >= until; });
}

/// All of them are connected and have been answered.
void settle(HeldClients& held) {
  must(held.wait_all_served(30s));
  const HeldClients::Report report = held.report();
  if (report.lost > 0) throw std::runtime_error(fmt::format("at the start: {}", report.states));
}

HeldClients::Options mixed(const Options& options) {
  const auto half = static_cast<size_t>(options.connections) / 2;
  return {.streams = half, .dialogues = half};
}

/// The waits until now, and who is lost: ended, or without any answer from now on.
void add_losses(Figures& out, HeldClients& held) {
  const HeldClients::Report report = held.report();
  held.mark();
  held.ask_now();
  (void)held.wait_all_served(5s);
  out["lost"] = static_cast<double>(held.report().lost + held.unserved());
  out["stream p99 ms"] = in_ms(quantile(report.stream_waits, 0.99));
  out["stream max ms"] = in_ms(report.stream_waits.back());
}

Figures handover(ContinuityPair& pair, const Options& options) {
  HeldClients held(pair.lab().client(), mixed(options));
  const UdpProber prober(pair.lab().client(), PairLab::kVip);
  settle(held);
  held.mark();
  const TimePoint moved = Clock::now();
  pair.hand_over();
  pass(1500ms);
  Figures out;
  add_losses(out, held);
  out["dark ms"] = in_ms(prober.log().longest_gap(moved));
  return out;
}

Figures again(ContinuityPair& pair, const Options& options) {
  HeldClients held(pair.lab().client(), mixed(options));
  settle(held);
  held.mark();
  for (int turn = 0; turn < options.turns; ++turn) {
    turn % 2 == 0 ? pair.hand_over() : pair.hand_back();
    pass(500ms);
    must(pair.wait_well());
  }
  Figures out;
  add_losses(out, held);
  return out;
}

Figures requests(ContinuityPair& pair, const Options&) {
  HeldClients held(pair.lab().client(), {.streams = 0, .dialogues = 50, .ask_every = 25ms});
  settle(held);
  pass(1s);
  const uint64_t before = held.report().answers;
  const TimePoint begun = Clock::now();
  held.mark();
  pair.hand_over();
  pass(2s);
  const HeldClients::Report report = held.report();
  const double seconds = in_ms(Clock::now() - begun) / 1000;
  return {{"failed", static_cast<double>(report.lost)},
          {"answers/s", static_cast<double>(report.answers - before) / seconds},
          {"slowest ms", in_ms(report.dialogue_waits.back())}};
}

Figures crash(ContinuityPair& pair, const Options& options) {
  HeldClients held(
      pair.lab().client(),
      {.streams = 0, .dialogues = static_cast<size_t>(options.connections), .ask_every = 1h});
  const UdpProber prober(pair.lab().client(), PairLab::kVip);
  settle(held);
  pass(2s);  // they are idle, and the peer has heard of them
  const TimePoint died = Clock::now();
  pair.crash();
  must(eventually(
      10s, [&] { return prober.log().last_answer() == "lb2"; }, "lb2 takes over"));
  TimePoint taken = Clock::now();
  for (const Stretch& stretch : prober.log().stretches(died)) {
    if (stretch.who == "lb2") taken = std::min(taken, stretch.first);
  }
  (void)held.wait_all_ended(5s);
  const HeldClients::Report report = held.report();
  Figures out{{"told", static_cast<double>(report.lost)}};
  if (!report.ended.empty()) {
    out["p50 ms"] = in_ms(quantile(report.ended, 0.5) - taken);
    out["last ms"] = in_ms(report.ended.back() - taken);
  }
  return out;
}

const std::map<std::string, std::function<Figures(ContinuityPair&, const Options&)>> kRows = {
    {"handover", handover}, {"again", again}, {"requests", requests}, {"crash", crash}};

std::string summary(std::vector<double> values) {
  std::ranges::sort(values);
  return fmt::format("{:.1f} ({:.1f}..{:.1f})", values[values.size() / 2], values.front(),
                     values.back());
}

void run(const Options& options) {
  std::map<std::string, std::map<std::string, std::map<std::string, std::vector<double>>>> all;
  for (int rep = 0; rep < options.reps; ++rep) {
    for (const std::string& row : options.rows) {
      for (const std::string& contender : options.contenders) {
        try {
          ContinuityPair pair(contender == "haproxy" ? Contender::haproxy : Contender::hapair);
          for (const auto& [figure, value] : kRows.at(row)(pair, options)) {
            all[row][contender][figure].push_back(value);
          }
        } catch (const std::exception& error) {
          fmt::print(stderr, "no trial of {} with {}: {}\n", row, contender, error.what());
        }
      }
    }
    fmt::print(stderr, "round {} of {}\n", rep + 1, options.reps);
  }
  fmt::print("{} connections, median (min..max) of {} rounds\n", options.connections, options.reps);
  for (const auto& [row, contenders] : all) {
    for (const auto& [contender, figures] : contenders) {
      for (const auto& [figure, values] : figures) {
        fmt::print("{:<10} {:<8} {:<14} {}\n", row, contender, figure, summary(values));
      }
    }
  }
}

std::vector<Option> table(Options& options) {
  return {number("reps", options.reps), number("connections", options.connections),
          number("turns", options.turns),
          choice("rows", options.rows, {"handover", "again", "requests", "crash"}),
          choice("contenders", options.contenders, {"haproxy", "hapair"})};
}

}  // namespace
}  // namespace hapair::test::bench

int main(int argc, char** argv) {
  using namespace hapair::test::bench;  // NOLINT(google-build-using-namespace)
  Options options;
  if (!parse(argc, argv, table(options))) return 2;
  run(options);
  return 0;
}
