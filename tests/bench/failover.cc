// How long a client is without an answer when the Active node fails: vrrpd beside keepalived,
// interleaved in one run, at random phases of the advertisement interval. A UDP probe asks the VIP
// every 0.25 ms (a lost SYN would be retried after a second and hide everything); the outage is the
// longest gap between two answers after the fault.
//
//   node lost    the switch forgets the Active node's port: silence, carrier stays
//   link down    the Active node's cable is pulled: it notices
//   stop         SIGTERM
//   child        SIGKILL of the process that speaks VRRP (keepalived: its vrrp child; vrrpd: its
//   speaker) parent       SIGKILL of the parent of that process only
//
// usage: bench_failover [--reps N] [--intervals 10ms,100ms,1s] [--faults
// lost,link,stop,child,parent]
//                       [--contenders keepalived,vrrpd]
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include <fmt/format.h>
#include <signal.h>

#include "common/units.h"
#include "tests/support/files.h"
#include "tests/support/namespace.h"
#include "tests/support/prober.h"
#include "tests/support/process.h"
#include "tests/support/programs.h"
#include "tests/support/switch.h"
#include "tests/support/wait.h"

namespace hapair::test {
namespace {

constexpr const char* kVip = "10.0.0.100";

struct Options {
  int reps = 9;
  std::vector<std::string> intervals{"10ms", "100ms", "1s"};
  std::vector<std::string> faults{"lost", "link", "stop", "child", "parent"};
  std::vector<std::string> contenders{"keepalived", "vrrpd"};
};

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts;
  while (true) {
    const size_t comma = text.find(',');
    parts.emplace_back(text.substr(0, comma));
    if (comma == std::string_view::npos) return parts;
    text.remove_prefix(comma + 1);
  }
}

/// One node of the pair: its namespace, what answers the client there, and the daemon under test.
struct Node {
  std::string name;
  int priority;
  Namespace inside;
  std::unique_ptr<Responder> responder = {};
  std::unique_ptr<Process> daemon = {};
};

std::unique_ptr<Process> start_keepalived(const Node& node, const TempDir& dir, Duration interval) {
  const std::string base = dir / node.name;
  write_file(base + ".conf",
             fmt::format(
                 "global_defs {{\n router_id {}\n vrrp_version 3\n}}\n"
                 "vrrp_instance main {{\n state BACKUP\n interface eth0\n virtual_router_id 51\n"
                 " priority {}\n advert_int {}\n virtual_ipaddress {{\n  {}/24 dev eth0\n }}\n}}\n",
                 node.name, node.priority, std::chrono::duration<double>(interval).count(), kVip));
  return std::make_unique<Process>(
      Launch{.argv = {"keepalived", "-n", "-l", "-P", "-D", "-f", base + ".conf", "-p",
                      base + ".pid", "-r", base + ".vrrp.pid"},
             .in = &node.inside});
}

std::unique_ptr<Process> start_vrrpd(const Node& node, const TempDir& dir, Duration interval) {
  const std::string base = dir / node.name;
  write_file(
      base + ".conf",
      fmt::format("[vrrp main]\ninterface = eth0\nvrid = 51\npriority = {}\nadvert_interval = {}\n"
                  "addresses = {}/24\nboot_hold = 0\n",
                  node.priority, format_duration(interval), kVip));
  return std::make_unique<Process>(Launch{.argv = {programs::vrrpd(), "--config", base + ".conf",
                                                   "--node", node.name, "--run-dir", base + ".run"},
                                          .in = &node.inside});
}

/// Builds a pair, lets lb1 become Active, breaks it, and returns what the client missed; a negative
/// result: no trial.
double outage_ms(const std::string& contender, Duration interval, const std::string& fault,
                 std::mt19937& random) {
  const TempDir dir;
  Switch lan("lan");
  Namespace client("client");
  Node lb1{.name = "lb1", .priority = 150, .inside = Namespace("lb1")};
  Node lb2{.name = "lb2", .priority = 100, .inside = Namespace("lb2")};
  lan.connect(client, "eth0", "10.0.0.10/24");
  lan.connect(lb1.inside, "eth0", "10.0.0.1/24");
  lan.connect(lb2.inside, "eth0", "10.0.0.2/24");

  const auto start = contender == "keepalived" ? start_keepalived : start_vrrpd;
  for (Node* node : {&lb1, &lb2}) {
    node->responder = std::make_unique<Responder>(node->inside, node->name);
    node->daemon = start(*node, dir, interval);
    // lb1 first: whoever is Active when the other one comes stays so.
    if (node == &lb1 &&
        !eventually(4 * interval + 5s, [&] { return lb1.inside.has_address(kVip); }))
      return -1;
  }
  const UdpProber prober(client, kVip, 250us);
  if (!eventually(5s, [&] { return prober.log().last_answer() == "lb1"; })) return -1;
  // The Backup has to hear the Active before it can miss it; then a random phase.
  const auto settle =
      3 * interval + 300ms + interval * std::uniform_real_distribution<>(0, 1)(random);
  const TimePoint settled = Clock::now() + std::chrono::duration_cast<Duration>(settle);
  (void)eventually(1h, [&] { return Clock::now() >= settled; });

  const TimePoint broken = Clock::now();
  if (fault == "lost") lan.set_forwarding(lb1.inside, "eth0", false);
  if (fault == "link") lan.set_cable(lb1.inside, "eth0", false);
  if (fault == "stop") lb1.daemon->signal(SIGTERM);
  if (fault == "child") {
    for (const pid_t child : lb1.daemon->children()) ::kill(child, SIGKILL);
  }
  if (fault == "parent") lb1.daemon->signal(SIGKILL);

  // Long enough for the slowest election of the RFC, and for an address that flaps back.
  const TimePoint end = broken + 4 * interval + 1500ms;
  (void)eventually(1h, [&] { return Clock::now() >= end; });
  return std::chrono::duration<double, std::milli>(prober.log().longest_gap(broken)).count();
}

std::string summary(std::vector<double> values) {
  if (values.empty()) return "no trial";
  std::ranges::sort(values);
  return fmt::format("{:.1f} ({:.1f}..{:.1f})", values[values.size() / 2], values.front(),
                     values.back());
}

void run(const Options& options) {
  std::mt19937 random(7);
  std::map<std::tuple<std::string, std::string, std::string>, std::vector<double>> results;
  for (int rep = 0; rep < options.reps; ++rep) {
    for (const auto& interval : options.intervals) {
      for (const auto& fault : options.faults) {
        for (const auto& contender : options.contenders) {
          const double ms = outage_ms(contender, *parse_duration(interval), fault, random);
          if (ms >= 0) results[{fault, interval, contender}].push_back(ms);
        }
      }
    }
    fmt::print(stderr, "round {} of {}\n", rep + 1, options.reps);
  }
  fmt::print("client outage in ms: median (min..max) of {} rounds\n{:<8}{:>8}", options.reps,
             "fault", "interval");
  for (const auto& contender : options.contenders) fmt::print("  {:>26}", contender);
  fmt::print("\n");
  for (const auto& fault : options.faults) {
    for (const auto& interval : options.intervals) {
      fmt::print("{:<8}{:>8}", fault, interval);
      for (const auto& contender : options.contenders)
        fmt::print("  {:>26}", summary(results[{fault, interval, contender}]));
      fmt::print("\n");
    }
  }
}

}  // namespace
}  // namespace hapair::test

int main(int argc, char** argv) {
  hapair::test::Options options;
  for (int i = 1; i < argc; i += 2) {
    const std::string_view name = argv[i];
    if (i + 1 == argc || !name.starts_with("--")) {
      fmt::print(stderr,
                 "usage: {} [--reps N] [--intervals LIST] [--faults LIST] [--contenders LIST]\n",
                 argv[0]);
      return 2;
    }
    const std::string_view value = argv[i + 1];
    if (name == "--reps") options.reps = static_cast<int>(*hapair::parse_integer(value));
    if (name == "--intervals") options.intervals = hapair::test::split(value);
    if (name == "--faults") options.faults = hapair::test::split(value);
    if (name == "--contenders") options.contenders = hapair::test::split(value);
  }
  hapair::test::run(options);
  return 0;
}
