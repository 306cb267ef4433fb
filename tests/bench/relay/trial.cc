#include "tests/bench/relay/trial.h"

#include <algorithm>
#include <optional>
#include <stdexcept>

#include <fmt/format.h>

#include "tests/bench/relay/backend.h"
#include "tests/bench/relay/cost.h"
#include "tests/bench/relay/placement.h"
#include "tests/support/switch.h"

namespace hapair::test::bench {

namespace {

using Kind = Load::Kind;
using Measure = Row::Measure;
using Place = Row::Place;

constexpr const char* kServer = "10.0.0.21";
constexpr const char* kProxy = "10.0.0.1";
constexpr size_t kIdle = 9000;
constexpr double kPace = 5000;

/// The networks and the server, up for one trial.
class Bench {
 public:
  explicit Bench(Place place) {
    if (place == Place::own) others_ = {1};
    if (place == Place::any) proxys_ = others_ = {0, 1};
    lan_.connect(client_, "eth0", "10.0.0.10/24");
    lan_.connect(proxy_, "eth0", fmt::format("{}/24", kProxy));
    lan_.connect(server_, "eth0", fmt::format("{}/24", kServer));
    for (const Namespace* each : {&client_, &proxy_, &server_}) {
      each->sysctl("ipv4.ip_local_port_range", "10240 65000");
      each->sysctl("ipv4.tcp_tw_reuse", "1");
      each->sysctl("core.somaxconn", "65535");
      each->sysctl("ipv4.tcp_max_syn_backlog", "65535");
    }
    // As many servers as anybody likes.
    server_.ip("route add local 10.64.0.0/16 dev lo");
    proxy_.ip(fmt::format("route add 10.64.0.0/16 via {}", kServer));
    backend_.emplace(server_, others_);
    run_on(proxys_);  // what the proxy inherits
  }

  [[nodiscard]] const Namespace& proxy() const { return proxy_; }

  template <typename F>
  auto as_client(F&& function) const {
    return client_.run([&] {
      run_on(others_);
      return function();
    });
  }

 private:
  std::vector<int> proxys_{0};
  std::vector<int> others_{0};
  Switch lan_{"lan"};
  Namespace client_{"client"};
  Namespace proxy_{"proxy"};
  Namespace server_{"server"};
  std::optional<Backend> backend_;
};

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

uint16_t port_of(const Row& row, bool direct) {
  if (row.load == Kind::datagrams) return direct ? Backend::kDatagrams : Contender::kDatagrams;
  if (row.load == Kind::bulk) return direct ? Backend::kBulk : Contender::kBulk;
  if (row.setup.services > 1) return Contender::kFirstOfMany;
  return direct ? Backend::kAnswers : Contender::kAnswers;
}

Outcome apply(const Row& row, const Bench& bench, bool direct, Duration window, Meter& meter) {
  Load load{.kind = row.load,
            .connections = row.connections,
            .ports = row.setup.services,
            .rate = kPace,
            .window = window};
  if (row.connections > 1000) load.warm_up = 3s;
  const Outcome outcome = bench.as_client(
      [&] { return apply(load, direct ? kServer : kProxy, port_of(row, direct), meter); });
  if (outcome.errors > 0) {
    throw std::runtime_error(fmt::format("{} connections failed", outcome.errors));
  }
  if (outcome.answers == 0 && row.load != Kind::bulk) throw std::runtime_error("no answers");
  return outcome;
}

Result count_calls(const Row& row, const Bench& bench, const Contender& contender,
                   Duration window) {
  SystemCalls calls(contender.processes());
  const Outcome outcome = apply(row, bench, false, window, calls);
  Result out;
  for (const auto& [name, count] : calls.counts()) {
    const double each = static_cast<double>(count) / static_cast<double>(outcome.answers);
    out.calls[name] = each;
    out.figure += each;
  }
  return out;
}

}  // namespace

bool Row::is_for(std::string_view contender) const {
  return contenders.empty() || std::ranges::find(contenders, contender) != contenders.end();
}

bool Row::over_direct() const {
  return measure == Measure::p50 || measure == Measure::p99;
}

const std::vector<Row>& rows() {
  static const char* const kRequest = "us per request";
  static const char* const kConnection = "us per connection";
  static const std::vector<std::string_view> kUdp{"floor", "nginx", "lbcore"};
  static const std::vector<std::string_view> kOurs{"lbcore"};
  static const std::vector<Row> rows{
      {.name = "ka64", .figure = kRequest},
      {.name = "paced", .figure = kRequest, .load = Kind::paced},
      {.name = "short", .figure = kConnection, .load = Kind::brief},
      {.name = "udp64",
       .figure = "us per round trip",
       .load = Kind::datagrams,
       .setup = {.datagrams = true},
       .contenders = kUdp},
      {.name = "ka64-own", .figure = kRequest, .place = Place::own},
      {.name = "short-own", .figure = kConnection, .load = Kind::brief, .place = Place::own},
      {.name = "paced-p50",
       .figure = "us over direct",
       .load = Kind::paced,
       .measure = Measure::p50,
       .place = Place::own},
      {.name = "paced-p99",
       .figure = "us over direct",
       .load = Kind::paced,
       .measure = Measure::p99,
       .place = Place::own},
      {.name = "bulk8",
       .figure = "s per GB",
       .load = Kind::bulk,
       .connections = 8,
       .place = Place::own},
      {.name = "idle", .figure = "bytes per connection", .measure = Measure::idle},
      {.name = "start", .figure = "MB resident", .measure = Measure::start},
      {.name = "calls-ka64", .figure = "calls per request", .measure = Measure::calls},
      {.name = "calls-paced",
       .figure = "calls per request",
       .load = Kind::paced,
       .measure = Measure::calls},
      {.name = "calls-short",
       .figure = "calls per connection",
       .load = Kind::brief,
       .measure = Measure::calls},
      {.name = "calls-udp64",
       .figure = "calls per round trip",
       .load = Kind::datagrams,
       .measure = Measure::calls,
       .setup = {.datagrams = true},
       .contenders = kUdp},
      // One figure each against workers, connections, servers, services.
      {.name = "ka64-1w", .figure = kRequest, .place = Place::any, .curve = true},
      {.name = "ka64-2w",
       .figure = kRequest,
       .place = Place::any,
       .setup = {.workers = 2},
       .curve = true,
       .contenders = kOurs},
      {.name = "short-1w",
       .figure = kConnection,
       .load = Kind::brief,
       .place = Place::any,
       .curve = true},
      {.name = "short-2w",
       .figure = kConnection,
       .load = Kind::brief,
       .place = Place::any,
       .setup = {.workers = 2},
       .curve = true,
       .contenders = kOurs},
      {.name = "ka10", .figure = kRequest, .connections = 10, .curve = true},
      {.name = "ka100", .figure = kRequest, .connections = 100, .curve = true},
      {.name = "ka1000", .figure = kRequest, .connections = 1000, .curve = true},
      {.name = "ka9000", .figure = kRequest, .connections = 9000, .curve = true},
      {.name = "short-2s",
       .figure = kConnection,
       .load = Kind::brief,
       .setup = {.servers = 2},
       .curve = true,
       .contenders = kOurs},
      {.name = "short-50s",
       .figure = kConnection,
       .load = Kind::brief,
       .setup = {.servers = 50},
       .curve = true,
       .contenders = kOurs},
      {.name = "short-1000s",
       .figure = kConnection,
       .load = Kind::brief,
       .setup = {.servers = 1000},
       .curve = true,
       .contenders = kOurs},
      {.name = "short-2v",
       .figure = kConnection,
       .load = Kind::brief,
       .setup = {.services = 2},
       .curve = true,
       .contenders = kOurs},
      {.name = "short-50v",
       .figure = kConnection,
       .load = Kind::brief,
       .setup = {.services = 50},
       .curve = true,
       .contenders = kOurs},
      {.name = "short-1000v",
       .figure = kConnection,
       .load = Kind::brief,
       .setup = {.services = 1000},
       .curve = true,
       .contenders = kOurs},
  };
  return rows;
}

Result trial(const Row& row, std::string_view name, Duration window) {
  const Bench bench(row.place);
  const Contender contender(name, row.setup, bench.proxy(), kProxy, kServer);
  const auto megabytes = [&] {
    return static_cast<double>(resident_bytes(contender.processes())) / 1e6;
  };
  if (row.measure == Measure::start) return {.figure = megabytes()};
  if (row.measure == Measure::idle) return {.figure = idle_bytes(bench, contender)};
  if (row.measure == Measure::calls) return count_calls(row, bench, contender, window);

  ProcessorTime time(contender.processes());
  const Outcome outcome = apply(row, bench, name == "direct", window, time);
  if (row.over_direct()) {
    const size_t at = outcome.delays.size() * (row.measure == Measure::p50 ? 50 : 99) / 100;
    return {.figure = microseconds(outcome.delays.at(at))};
  }
  if (row.load == Kind::bulk) {
    return {.figure = std::chrono::duration<double>(time.spent()).count() /
                      (static_cast<double>(outcome.bytes) / 1e9)};
  }
  return {.figure = microseconds(time.spent()) / static_cast<double>(outcome.answers)};
}

}  // namespace hapair::test::bench
