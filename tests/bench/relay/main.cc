// What forwarding costs: lbcore beside HAProxy, nginx and a bare relay, interleaved in one run, in
// namespaces on one switch:
//
//   client --- proxy --- server
//
// The primary figure is the processor time of the proxy's processes. As a rule client, proxy and
// server share a processor, the quietest arrangement; in rows that end in "-own" the proxy has
// processor 0 for itself. Ratios are of figures of one round, to the floor's; their median is
// shown. README.md in this folder says what the figures mean and what was learnt from them.
//
// HAPAIR_LBCORE names the lbcore to measure (the preset `release` builds what is installed);
// without it, it is this build's.
//
// usage: bench_relay [--reps N] [--seconds S] [--rows ka64,short,...] [--contenders lbcore,...]
#include <algorithm>
#include <cstdio>
#include <exception>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <sys/resource.h>

#include "tests/bench/options.h"
#include "tests/bench/relay/contender.h"
#include "tests/bench/relay/trial.h"

namespace hapair::test::bench {
namespace {

constexpr std::string_view kCurves = "curves";

struct Options {
  int reps = 7;
  int seconds = 2;
  std::vector<std::string> rows;
  std::vector<std::string> contenders{"floor", "haproxy", "nginx", "lbcore"};
};

using Rounds = std::map<int, Result>;
using Results = std::map<std::pair<std::string_view, std::string>, Rounds>;

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

std::string ratio(const Rounds& of, const Rounds& to) {
  std::vector<double> ratios;
  for (const auto& [round, result] : of) {
    if (const auto other = to.find(round); other != to.end()) {
      ratios.push_back(result.figure / other->second.figure);
    }
  }
  return ratios.empty() ? "" : fmt::format("{:.3f}x", median(ratios));
}

std::string summary(const Rounds& rounds) {
  std::vector<double> values;
  for (const auto& [round, result] : rounds) values.push_back(result.figure);
  if (values.empty()) return "-";
  return fmt::format("{:.2f} ({:.2f}..{:.2f})", median(values), *std::ranges::min_element(values),
                     *std::ranges::max_element(values));
}

bool wanted(const Options& options, const Row& row) {
  const auto named = [&](std::string_view name) {
    return std::ranges::find(options.rows, name) != options.rows.end();
  };
  if (row.curve && named(kCurves)) return true;
  return options.rows.empty() ? !row.curve : named(row.name);
}

/// One trial of each contender, beginning with another one each time.
void run_round(const Options& options, const Row& row, int round, Results& results) {
  auto order = options.contenders;
  std::rotate(order.begin(), order.begin() + round % static_cast<int>(order.size()), order.end());
  std::erase(order, "direct");
  if (row.over_direct()) order.emplace_back("direct");
  for (const std::string& name : order) {
    if (!row.is_for(name)) continue;
    try {
      results[{row.name, name}][round] = trial(row, name, std::chrono::seconds(options.seconds));
    } catch (const std::exception& error) {
      fmt::print(stderr, "no trial of {} by {}: {}\n", row.name, name, error.what());
    }
  }
  if (!row.over_direct()) return;
  const Rounds& direct = results[{row.name, "direct"}];
  for (const std::string& name : options.contenders) {
    Rounds& rounds = results[{row.name, name}];
    if (!rounds.contains(round)) continue;
    if (!direct.contains(round)) {
      rounds.erase(round);
    } else {
      rounds[round].figure -= direct.at(round).figure;
    }
  }
}

void print_table(const Options& options, Results& results) {
  fmt::print("median (min..max) of {} rounds, ratio to the floor\n{:<12}{:<22}", options.reps,
             "row", "figure");
  for (const auto& name : options.contenders) fmt::print("{:>28} {:>7}", name, "");
  fmt::print("\n");
  for (const Row& row : rows()) {
    if (!wanted(options, row)) continue;
    fmt::print("{:<12}{:<22}", row.name, row.figure);
    for (const auto& name : options.contenders) {
      const Rounds& figures = results[{row.name, name}];
      fmt::print("{:>28} {:>7}", summary(figures), ratio(figures, results[{row.name, "floor"}]));
    }
    fmt::print("\n");
  }
}

/// Which calls those are, of the last round.
void print_calls(const Results& results) {
  constexpr double kRare = 0.005;
  for (const auto& [key, rounds] : results) {
    if (rounds.empty() || rounds.rbegin()->second.calls.empty()) continue;
    std::vector<std::pair<double, std::string>> most;
    for (const auto& [name, count] : rounds.rbegin()->second.calls) {
      if (count >= kRare) most.emplace_back(count, name);
    }
    std::ranges::sort(most, std::greater<>());
    fmt::print("{} {}:", key.first, key.second);
    for (const auto& [count, name] : most) fmt::print(" {} {:.2f}", name, count);
    fmt::print("\n");
  }
}

void run(const Options& options) {
  Results results;
  for (int round = 0; round < options.reps; ++round) {
    for (const Row& row : rows()) {
      if (wanted(options, row)) run_round(options, row, round, results);
    }
    fmt::print(stderr, "round {} of {}\n", round + 1, options.reps);
  }
  print_table(options, results);
  print_calls(results);
}

std::vector<Option> table(Options& options) {
  std::vector<std::string_view> names;
  for (const Row& row : rows()) names.push_back(row.name);
  names.push_back(kCurves);
  return {number("reps", options.reps), number("seconds", options.seconds),
          choice("rows", options.rows, names),
          choice("contenders", options.contenders, Contender::names())};
}

/// 9,000 idle connections are 18,000 descriptors here, and as many in the proxy.
void raise_limits() {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
}

}  // namespace
}  // namespace hapair::test::bench

int main(int argc, char** argv) {
  using namespace hapair::test::bench;  // NOLINT: the program's own names
  Options options;
  if (!parse(argc, argv, table(options))) return 2;
  raise_limits();
  run(options);
  return 0;
}
