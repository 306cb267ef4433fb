// What forwarding costs: lbcore beside HAProxy, nginx and a bare relay, interleaved in one run, in
// namespaces on one switch:
//
//   client --- proxy --- server
//
// The primary figure is the processor time of the proxy's processes. "one": client, proxy and
// server share a processor, the quietest arrangement; "own": the proxy has processor 0 for itself.
// Ratios are of figures of one round, to the floor's; their median is shown.
//
// HAPAIR_LBCORE names the lbcore to measure (the preset `release` builds what is installed);
// without it, it is this build's.
//
// usage: bench_relay [--reps N] [--seconds S] [--rows ka64,short,...] [--contenders lbcore,...]
#include <algorithm>
#include <cstdio>
#include <exception>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <sys/resource.h>

#include "common/units.h"
#include "tests/bench/list.h"
#include "tests/bench/relay/backend.h"
#include "tests/bench/relay/contender.h"
#include "tests/bench/relay/cost.h"
#include "tests/bench/relay/load.h"
#include "tests/bench/relay/placement.h"
#include "tests/support/switch.h"
#include "tests/support/wait.h"

namespace hapair::test::bench {
namespace {

constexpr const char* kServer = "10.0.0.21";
constexpr const char* kProxy = "10.0.0.1";
constexpr size_t kIdle = 9000;

struct Row {
  std::string_view name;
  std::string_view figure;
  bool own_processor = false;
  std::vector<std::string_view> not_for = {};
};

const std::vector<Row>& rows() {
  static const std::vector<Row> rows{
      {.name = "ka64", .figure = "us per request"},
      {.name = "paced", .figure = "us per request"},
      {.name = "short", .figure = "us per connection"},
      {.name = "ka64-own", .figure = "us per request", .own_processor = true},
      {.name = "short-own", .figure = "us per connection", .own_processor = true},
      {.name = "paced-p50", .figure = "us to the answer", .own_processor = true},
      {.name = "paced-p99", .figure = "us to the answer", .own_processor = true},
      {.name = "bulk8", .figure = "s per GB", .own_processor = true},
      {.name = "idle", .figure = "bytes per connection"},
      {.name = "start", .figure = "MB resident"},
  };
  return rows;
}

/// The networks and the server, up for one trial.
class Bench {
 public:
  explicit Bench(bool own_processor) : others_(own_processor ? 1 : 0) {
    lan_.connect(client_, "eth0", "10.0.0.10/24");
    lan_.connect(proxy_, "eth0", fmt::format("{}/24", kProxy));
    lan_.connect(server_, "eth0", fmt::format("{}/24", kServer));
    for (const Namespace* each : {&client_, &proxy_, &server_}) {
      each->sysctl("ipv4.ip_local_port_range", "10240 65000");
      each->sysctl("ipv4.tcp_tw_reuse", "1");
      each->sysctl("core.somaxconn", "65535");
      each->sysctl("ipv4.tcp_max_syn_backlog", "65535");
    }
    backend_.emplace(server_, others_);
    run_on({0});  // what the proxy inherits
  }

  [[nodiscard]] const Namespace& proxy() const { return proxy_; }

  template <typename F>
  auto as_client(F&& function) const {
    return client_.run([&] {
      run_on({others_});
      return function();
    });
  }

 private:
  int others_;
  Switch lan_{"lan"};
  Namespace client_{"client"};
  Namespace proxy_{"proxy"};
  Namespace server_{"server"};
  std::optional<Backend> backend_;
};

Load load_of(std::string_view row, Duration window) {
  Load load{.window = window};
  if (row.starts_with("short")) load.kind = Load::Kind::brief;
  if (row.starts_with("paced")) load = {.kind = Load::Kind::paced, .rate = 5000, .window = window};
  if (row.starts_with("bulk")) {
    load = {.kind = Load::Kind::bulk, .connections = 8, .window = window};
  }
  return load;
}

double microseconds(Duration duration) {
  return std::chrono::duration<double, std::micro>(duration).count();
}

double idle_bytes(const Bench& bench, const Contender& contender) {
  const uint64_t before = resident_bytes(contender.processes());
  return bench.as_client([&] {
    const Idle idle(kProxy, Contender::kAnswers, kIdle);
    if (idle.answered() != kIdle) {
      throw std::runtime_error(fmt::format("only {} of {} were served", idle.answered(), kIdle));
    }
    const uint64_t after = resident_bytes(contender.processes());
    return static_cast<double>(after - before) / static_cast<double>(kIdle);
  });
}

/// Throws std::runtime_error with what went wrong.
double trial(const Row& row, std::string_view name, Duration window) {
  const Bench bench(row.own_processor);
  const Contender contender(name, bench.proxy(), kServer);
  if (row.name == "start") return static_cast<double>(resident_bytes(contender.processes())) / 1e6;
  if (row.name == "idle") return idle_bytes(bench, contender);

  const bool direct = name == "direct";
  const bool bulk = row.name.starts_with("bulk");
  const uint16_t port = direct ? (bulk ? Backend::kBulk : Backend::kAnswers)
                               : (bulk ? Contender::kBulk : Contender::kAnswers);
  const Load load = load_of(row.name, window);
  const Outcome outcome = bench.as_client([&] {
    return apply(load, direct ? kServer : kProxy, port,
                 [&] { return processor_time(contender.processes()); });
  });
  if (outcome.errors > 0) {
    throw std::runtime_error(fmt::format("{} connections failed", outcome.errors));
  }
  if (row.name.ends_with("p50") || row.name.ends_with("p99")) {
    const size_t at = outcome.delays.size() * (row.name.ends_with("p50") ? 50 : 99) / 100;
    return microseconds(outcome.delays.at(at));
  }
  if (bulk) {
    return std::chrono::duration<double>(outcome.cost).count() /
           (static_cast<double>(outcome.bytes) / 1e9);
  }
  return microseconds(outcome.cost) / static_cast<double>(outcome.answers);
}

struct Options {
  int reps = 7;
  Duration window = 2s;
  std::vector<std::string> rows;
  std::vector<std::string> contenders{"floor", "haproxy", "nginx", "lbcore"};
};

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

using Rounds = std::map<int, double>;

std::string ratio(const Rounds& of, const Rounds& to) {
  std::vector<double> ratios;
  for (const auto& [round, value] : of) {
    if (const auto other = to.find(round); other != to.end()) {
      ratios.push_back(value / other->second);
    }
  }
  return ratios.empty() ? "" : fmt::format("{:.3f}x", median(ratios));
}

std::string summary(const Rounds& rounds) {
  std::vector<double> values;
  for (const auto& [round, value] : rounds) values.push_back(value);
  if (values.empty()) return "-";
  return fmt::format("{:.2f} ({:.2f}..{:.2f})", median(values), *std::ranges::min_element(values),
                     *std::ranges::max_element(values));
}

bool wanted(const Options& options, const Row& row) {
  return options.rows.empty() || std::ranges::find(options.rows, row.name) != options.rows.end();
}

void run(const Options& options) {
  std::map<std::pair<std::string_view, std::string>, Rounds> results;
  for (int round = 0; round < options.reps; ++round) {
    for (const Row& row : rows()) {
      if (!wanted(options, row)) continue;
      auto order = options.contenders;
      std::rotate(order.begin(), order.begin() + round % static_cast<int>(order.size()),
                  order.end());
      for (const std::string& name : order) {
        if (name == "direct" && !row.name.starts_with("paced-p")) continue;
        try {
          results[{row.name, name}][round] = trial(row, name, options.window);
        } catch (const std::exception& error) {
          fmt::print(stderr, "no trial of {} by {}: {}\n", row.name, name, error.what());
        }
      }
    }
    fmt::print(stderr, "round {} of {}\n", round + 1, options.reps);
  }
  fmt::print("median (min..max) of {} rounds, ratio to the floor\n{:<11}{:<22}", options.reps,
             "row", "figure");
  for (const auto& name : options.contenders) fmt::print("{:>28} {:>7}", name, "");
  fmt::print("\n");
  for (const Row& row : rows()) {
    if (!wanted(options, row)) continue;
    fmt::print("{:<11}{:<22}", row.name, row.figure);
    for (const auto& name : options.contenders) {
      const Rounds& figures = results[{row.name, name}];
      fmt::print("{:>28} {:>7}", summary(figures), ratio(figures, results[{row.name, "floor"}]));
    }
    fmt::print("\n");
  }
}

int usage(const char* program) {
  fmt::print(stderr, "usage: {} [--reps N] [--seconds S] [--rows LIST] [--contenders LIST]\nrows:",
             program);
  for (const Row& row : rows()) fmt::print(stderr, " {}", row.name);
  fmt::print(stderr, "\ncontenders:");
  for (const auto& name : Contender::names()) fmt::print(stderr, " {}", name);
  fmt::print(stderr, "\n");
  return 2;
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
  for (int i = 1; i < argc; i += 2) {
    const std::string_view name = argv[i];
    if (i + 1 == argc) return usage(argv[0]);
    const std::string_view value = argv[i + 1];
    if (name == "--reps") {
      options.reps = static_cast<int>(*hapair::parse_integer(value));
    } else if (name == "--seconds") {
      options.window = std::chrono::seconds(*hapair::parse_integer(value));
    } else if (name == "--rows") {
      options.rows = split_list(value);
    } else if (name == "--contenders") {
      options.contenders = split_list(value);
    } else {
      return usage(argv[0]);
    }
  }
  raise_limits();
  run(options);
  return 0;
}
