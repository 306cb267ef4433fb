#include "tests/bench/failover/pair.h"

#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "common/units.h"
#include "tests/support/programs.h"
#include "tests/support/wait.h"

namespace hapair::test::bench {

namespace {

constexpr const char* kPairKey =
    "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n";

}  // namespace

void wait_until(TimePoint when) {
  (void)eventually(1h, [&] { return Clock::now() >= when; });
}

Pair::Pair(const Setup& setup) : setup_(setup) {
  lan_.connect(client_, "eth0", "10.0.0.10/24");
  lan_.connect(observer_, "eth0", "10.0.0.11/24");
  int number = 1;
  for (Node* node : {&lb1_, &lb2_}) {
    lan_.connect(node->inside, "eth0", fmt::format("10.0.0.{}/24", number));
    second_.connect(node->inside, "eth1", fmt::format("10.255.0.{}/24", number));
    ++number;
    node->responder = std::make_unique<Responder>(node->inside, node->name);
  }
  // lb1 first: whoever is Active when the other one comes stays so.
  for (Node* node : {&lb1_, &lb2_}) {
    start(*node);
    if (node == &lb2_) break;
    if (!eventually(4 * setup_.interval + 5s, [&] { return lb1_.inside.has_address(kVip); })) {
      throw std::runtime_error("lb1 does not become Active");
    }
  }
  client_prober_ = std::make_unique<UdpProber>(client_, kVip, 250us);
  tcp_prober_ = std::make_unique<TcpProber>(client_, kVip, Responder::kPort);
  arp_prober_ = std::make_unique<ArpProber>(
      observer_, "eth0", kVip,
      std::map<std::string, std::string>{{lb1_.inside.mac("eth0"), "lb1"},
                                         {lb2_.inside.mac("eth0"), "lb2"}});
  if (!eventually(5s, [&] { return client_log().last_answer() == "lb1"; })) {
    throw std::runtime_error("the client does not reach lb1");
  }
  // The Backup has to hear the Active before it can miss it.
  wait_until(Clock::now() + 3 * setup_.interval + 500ms);
}

void Pair::start(Node& node) {
  if (setup_.contender == Contender::keepalived) {
    start_keepalived(node);
  } else {
    start_vrrpd(node);
  }
}

void Pair::start_keepalived(Node& node) {
  const std::string base = dir_ / node.name;
  write_file(
      base + ".conf",
      fmt::format(
          "global_defs {{\n router_id {}\n vrrp_version 3\n}}\n"
          "vrrp_instance main {{\n state BACKUP\n interface eth0\n virtual_router_id 51\n"
          " priority {}\n advert_int {}\n virtual_ipaddress {{\n  {}/24 dev eth0\n }}\n}}\n",
          node.name, node.priority, std::chrono::duration<double>(setup_.interval).count(), kVip));
  const std::string command =
      fmt::format("keepalived -n -l -P -D -f {0}.conf -p {0}.pid -r {0}.vrrp", base);
  if (setup_.supervised && &node == &lb1_) {
    node.supervisor = std::make_unique<Supervisor>(node.inside);
    // As Debian's own unit: started again, and nobody cleans up.
    node.supervisor->start("daemon", fmt::format("[Unit]\nDefaultDependencies=no\n[Service]\n"
                                                 "ExecStart=/usr/sbin/{}\nRestart=on-failure\n"
                                                 "RestartSec=1\nTimeoutStopSec=5\nKillMode=mixed\n",
                                                 command));
    return;
  }
  node.daemon = std::make_unique<Process>(
      Launch{.argv = {"sh", "-c", "exec " + command}, .in = &node.inside});
}

void Pair::start_vrrpd(Node& node) {
  const std::string base = dir_ / node.name;
  const bool pair = setup_.contender == Contender::pair;
  std::string text = fmt::format(
      "[vrrp main]\ninterface = eth0\nvrid = 51\npriority = {}\nadvert_interval = {}\n"
      "addresses = {}/24\nboot_hold = 0\n",
      node.priority, format_duration(setup_.interval), kVip);
  if (pair) {
    write_file(dir_ / "pair.key", kPairKey, 0600);
    text += fmt::format(
        "[pair]\naddress@lb1 = 10.255.0.1:7400\naddress@lb2 = 10.255.0.2:7400\nkey_file = {}\n",
        dir_ / "pair.key");
  }
  if (setup_.with_lbcore) {
    text += fmt::format(
        "[lbcore]\nworkers = 1\n[service web]\nlisten = tcp {}:80\npool = web\n[pool web]\n"
        "[server web/a]\naddress = 10.0.0.10:8080\n",
        kVip);
  }
  write_file(base + ".conf", text);
  const std::string arguments =
      fmt::format("--config {0}.conf --node {1} --run-dir {0}.run", base, node.name);
  if (setup_.with_lbcore) {
    node.lbcore = std::make_unique<Process>(
        Launch{.argv = {"sh", "-c", fmt::format("exec {} {}", programs::lbcore(), arguments)},
               .in = &node.inside});
  }
  const std::string command = fmt::format("{} {}", programs::vrrpd(), arguments);
  if (setup_.supervised && &node == &lb1_) {
    node.supervisor = std::make_unique<Supervisor>(node.inside);
    node.supervisor->start("daemon", unit_of_vrrpd(command));
    return;
  }
  node.daemon = std::make_unique<Process>(
      Launch{.argv = {"sh", "-c", "exec " + command}, .in = &node.inside});
}

std::vector<int> Pair::processes(Node& node) const {
  if (node.supervisor) return node.supervisor->processes();
  std::vector<int> out{node.daemon->pid()};
  for (const pid_t child : node.daemon->children()) out.push_back(child);
  return out;
}

void Pair::set_reachable(Node& node, bool on) {
  lan_.set_forwarding(node.inside, "eth0", on);
  second_.set_forwarding(node.inside, "eth1", on);
}

void Pair::set_cable(Node& node, bool plugged) {
  lan_.set_cable(node.inside, "eth0", plugged);
}

}  // namespace hapair::test::bench
