// What replication costs and how fast it is, beside HAProxy's peers where they can do the same,
// interleaved in one run. README.md in this folder says what the rows are and what was learnt.
//
// usage: bench_replication [--reps N] [--trials latency,resync,...] [--contenders hapair,haproxy]
#include <algorithm>
#include <cstdio>
#include <exception>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "tests/bench/options.h"
#include "tests/bench/replication/trials.h"

namespace hapair::test::bench {
namespace {

constexpr std::string_view kOwn = "hapair";
constexpr std::string_view kHaproxy = "haproxy";

struct Options {
  int reps = 5;
  std::vector<std::string> trials;
  std::vector<std::string> contenders{std::string(kOwn), std::string(kHaproxy)};
};

const std::vector<Trial>& trials() {
  static const std::vector<Trial> all{
      {"latency", own_latency},
      {"latency", haproxy_latency, true},
      {"busy", own_busy},
      {"rate", own_rate},
      {"rate", haproxy_rate, true},
      {"resync", own_resync},
      {"resync", haproxy_resync, true},
      {"contention", own_contention},
      {"relayed", own_relayed},
  };
  return all;
}

/// Row -> contender -> one figure per round; rows in the order of their first figure.
class Results {
 public:
  void add(std::string_view row, std::string_view contender, double value) {
    if (!figures_.contains(std::string(row))) order_.emplace_back(row);
    figures_[std::string(row)][std::string(contender)].push_back(value);
  }
  void print(const std::vector<std::string>& contenders) const {
    fmt::print("{:<28}", "median (min..max)");
    for (const auto& name : contenders) fmt::print("{:>34}", name);
    fmt::print("\n");
    for (const auto& row : order_) {
      fmt::print("{:<28}", row);
      for (const auto& name : contenders) {
        const auto& of_row = figures_.at(row);
        const auto found = of_row.find(name);
        fmt::print("{:>34}", found == of_row.end() ? "-" : summary(found->second));
      }
      fmt::print("\n");
    }
  }

 private:
  static std::string summary(std::vector<double> values) {
    std::ranges::sort(values);
    return fmt::format("{:.4g} ({:.4g}..{:.4g})", values[values.size() / 2], values.front(),
                       values.back());
  }
  std::vector<std::string> order_;
  std::map<std::string, std::map<std::string, std::vector<double>>> figures_;
};

void run(const Options& options) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  Logger log("bench");
  Results results;
  const auto wanted = [](const std::vector<std::string>& list, std::string_view name) {
    return list.empty() || std::ranges::find(list, name) != list.end();
  };
  for (int round = 0; round < options.reps; ++round) {
    for (const Trial& trial : trials()) {
      const std::string_view contender = trial.haproxy ? kHaproxy : kOwn;
      if (!wanted(options.trials, trial.name) || !wanted(options.contenders, contender)) continue;
      try {
        trial.of(log,
                 [&](std::string_view row, double value) { results.add(row, contender, value); });
      } catch (const std::exception& error) {
        fmt::print(stderr, "no trial of {} by {}: {}\n", trial.name, contender, error.what());
      }
    }
    fmt::print(stderr, "round {} of {}\n", round + 1, options.reps);
  }
  results.print(options.contenders);
}

}  // namespace
}  // namespace hapair::test::bench

int main(int argc, char** argv) {
  using namespace hapair::test::bench;  // NOLINT: the program's own names
  Options options;
  std::vector<std::string_view> names;
  for (const Trial& trial : trials()) {
    if (!trial.haproxy) names.push_back(trial.name);
  }
  if (!parse(argc, argv,
             {number("reps", options.reps), choice("trials", options.trials, names),
              choice("contenders", options.contenders, {kOwn, kHaproxy})})) {
    return 2;
  }
  run(options);
  return 0;
}
