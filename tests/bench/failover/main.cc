// What a client notices when the Active node fails: vrrpd beside keepalived, interleaved in one
// run, at random phases of the advertisement interval. A UDP probe asks the VIP every 0.25 ms (a
// lost SYN would be retried after a second and hide everything), an observer asks by ARP who has
// it.
//
// usage: bench_failover [--reps N] [--intervals 10ms,100ms,1s] [--faults stop,speaker,...]
//                       [--contenders keepalived,vrrpd,pair]
#include <algorithm>
#include <cstdio>
#include <exception>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include <fmt/format.h>

#include "common/units.h"
#include "tests/bench/failover/faults.h"
#include "tests/bench/failover/pair.h"
#include "tests/bench/options.h"

namespace hapair::test::bench {
namespace {

struct Options {
  int reps = 9;
  std::vector<std::string> intervals{"10ms", "100ms", "1s"};
  std::vector<std::string> faults;
  std::vector<std::string> contenders{"keepalived", "vrrpd", "pair"};
};

Contender contender_of(std::string_view name) {
  if (name == "keepalived") return Contender::keepalived;
  return name == "pair" ? Contender::pair : Contender::vrrpd;
}

std::string summary(std::vector<Figure> figures) {
  if (figures.empty()) return "-";
  const size_t middle = figures.size() / 2;
  std::ranges::sort(figures, {}, [](const Figure& figure) { return figure.tcp.value_or(0); });
  const std::optional<double> tcp = figures[middle].tcp;
  std::ranges::sort(figures, {}, &Figure::value);
  return fmt::format("{:.1f} ({:.1f}..{:.1f}){}", figures[middle].value, figures.front().value,
                     figures.back().value, tcp ? fmt::format(" tcp {:.0f}", *tcp) : "");
}

std::optional<Figure> trial(const Fault& fault, Contender contender, Duration interval,
                            std::mt19937& random) {
  if (contender == Contender::keepalived && !fault.keepalived) return std::nullopt;
  if (fault.needs_lbcore && contender != Contender::pair) return std::nullopt;
  try {
    Pair pair({.contender = contender,
               .interval = interval,
               .supervised = fault.supervised,
               .with_lbcore = fault.needs_lbcore});
    return fault.trial(pair, random);
  } catch (const std::exception& error) {
    fmt::print(stderr, "no trial of {}: {}\n", fault.name, error.what());
    return std::nullopt;
  }
}

void run(const Options& options) {
  std::mt19937 random(7);
  std::map<std::tuple<std::string_view, std::string, std::string>, std::vector<Figure>> results;
  const auto wanted = [&](const Fault& fault) {
    return options.faults.empty() ||
           std::ranges::find(options.faults, fault.name) != options.faults.end();
  };
  for (int rep = 0; rep < options.reps; ++rep) {
    for (const auto& interval : options.intervals) {
      for (const Fault& fault : faults()) {
        if (!wanted(fault)) continue;
        for (const auto& contender : options.contenders) {
          const auto figure =
              trial(fault, contender_of(contender), *parse_duration(interval), random);
          if (figure) results[{fault.name, interval, contender}].push_back(*figure);
        }
      }
    }
    fmt::print(stderr, "round {} of {}\n", rep + 1, options.reps);
  }
  fmt::print("ms: median (min..max) of {} rounds\n{:<16}{:<26}{:>8}", options.reps, "fault",
             "figure", "interval");
  for (const auto& contender : options.contenders) fmt::print("  {:>34}", contender);
  fmt::print("\n");
  for (const Fault& fault : faults()) {
    if (!wanted(fault)) continue;
    for (const auto& interval : options.intervals) {
      fmt::print("{:<16}{:<26}{:>8}", fault.name, fault.measure, interval);
      for (const auto& contender : options.contenders) {
        fmt::print("  {:>34}", summary(results[{fault.name, interval, contender}]));
      }
      fmt::print("\n");
    }
  }
}

std::vector<Option> table(Options& options) {
  std::vector<std::string_view> names;
  for (const Fault& fault : faults()) names.push_back(fault.name);
  const auto intervals = [&options](std::string_view value) {
    options.intervals = split_list(value);
    return std::ranges::all_of(options.intervals,
                               [](const auto& each) { return parse_duration(each).has_value(); });
  };
  return {number("reps", options.reps),
          {.name = "intervals", .what = "LIST", .take = intervals},
          choice("faults", options.faults, names),
          choice("contenders", options.contenders, {"keepalived", "vrrpd", "pair"})};
}

}  // namespace
}  // namespace hapair::test::bench

int main(int argc, char** argv) {
  using namespace hapair::test::bench;  // NOLINT: the program's own names
  Options options;
  if (!parse(argc, argv, table(options))) return 2;
  run(options);
  return 0;
}
