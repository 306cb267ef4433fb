#include "tests/support/pair_lab.h"

#include <csignal>
#include <iostream>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/units.h"
#include "tests/support/programs.h"
#include "tests/support/wait.h"

namespace hapair::test {

namespace {

// Any 64 hex digits do: the two nodes only have to agree.
constexpr std::string_view kKey =
    "6d6f6f6e6c6967687420627269646765206f7665722071756965742077617465\n";

}  // namespace

PairLab::PairLab(Options options)
    : options_(std::move(options)),
      config_path_(dir_ / "hapair.conf"),
      lb1_{.name = "lb1", .run_dir = dir_ / "lb1", .inside = Namespace("lb1")},
      lb2_{.name = "lb2", .run_dir = dir_ / "lb2", .inside = Namespace("lb2")} {
  lan_.connect(client_, "eth0", "10.0.0.10/24");
  lan_.connect(observer_, "eth0", "10.0.0.11/24");
  for (Node* node : {&lb1_, &lb2_}) {
    const int number = node == &lb1_ ? 1 : 2;
    lan_.connect(node->inside, "eth0", fmt::format("10.0.0.{}/24", number));
    server_net_.connect(node->inside, "eth1", fmt::format("10.0.1.{}/24", number));
    pair_link_.connect(node->inside, "eth2", fmt::format("10.255.0.{}/24", number));
    node->inside.ip("route add 10.1.0.0/16 via 10.0.0.10");
    node->responder = std::make_unique<Responder>(node->inside, node->name);
  }
  if (options_.ipv6) {
    client_.ip("addr add 2001:db8::10/64 dev eth0");
    observer_.ip("addr add 2001:db8::11/64 dev eth0");
    for (Node* node : {&lb1_, &lb2_}) {
      node->inside.ip(fmt::format("addr add 2001:db8::{}/64 dev eth0", node == &lb1_ ? 1 : 2));
      node->responder_six = std::make_unique<Responder>(node->inside, node->name, AF_INET6);
    }
  }
  // A client for every session: the whole prefix is local to the client's namespace, no address has
  // to be added.
  client_.ip("route add local 10.1.0.0/16 dev lo");
  client_.sysctl("ipv4.conf.all.arp_announce", "2");
  client_.sysctl("ipv4.ip_local_port_range", "10000 65000");
  servers_.reserve(static_cast<size_t>(options_.servers));
  for (int number = 1; number <= options_.servers; ++number) {
    servers_.emplace_back(fmt::format("s{}", number));
    server_net_.connect(servers_.back(), "eth0", fmt::format("10.0.1.{}/24", 10 + number));
  }
  origins_.resize(servers_.size());
  if (options_.with_servers) {
    for (int number = 1; number <= options_.servers; ++number) start_origin(number);
  }
  write_file(dir_ / "pair.key", kKey, 0600);
  write_config(compose_config());
}

PairLab::~PairLab() {
  if (::testing::Test::HasFailure()) std::cerr << config_ << logs();
}

std::string PairLab::compose_config() const {
  std::string text = fmt::format(
      "[pair]\n"
      "address@lb1 = 10.255.0.1:7400\n"
      "address@lb2 = 10.255.0.2:7400\n"
      "key_file = {}\n",
      dir_ / "pair.key");
  if (options_.with_vrrpd) {
    text += fmt::format(
        "\n[vrrp main]\n"
        "interface = eth0\n"
        "vrid = 51\n"
        "priority@lb1 = {}\n"
        "priority@lb2 = {}\n"
        "advert_interval = {}\n"
        "addresses = {}/24\n"
        "preempt = {}\n"
        "boot_hold = {}\n",
        options_.priority_lb1, options_.priority_lb2, format_duration(options_.advert_interval),
        kVip, options_.preempt ? "yes" : "no", format_duration(options_.boot_hold));
    if (options_.foreign_peer) text += "authentication = no\n";
    if (options_.unicast) text += "peer@lb1 = 10.0.0.2\npeer@lb2 = 10.0.0.1\n";
    text += options_.vrrp;
    if (options_.ipv6) {
      text += fmt::format(
          "\n[vrrp six]\n"
          "interface = eth0\n"
          "vrid = 51\n"
          "priority@lb1 = {}\n"
          "priority@lb2 = {}\n"
          "advert_interval = {}\n"
          "addresses = {}/64, fe80::100/64\n"
          "preempt = {}\n"
          "boot_hold = {}\n",
          options_.priority_lb1, options_.priority_lb2, format_duration(options_.advert_interval),
          kVipSix, options_.preempt ? "yes" : "no", format_duration(options_.boot_hold));
      if (options_.foreign_peer) text += "authentication = no\n";
      if (options_.unicast) text += "peer@lb1 = 2001:db8::2\npeer@lb2 = 2001:db8::1\n";
    }
  }
  if (options_.with_lbcore) {
    text += "\n[lbcore]\n" + options_.lbcore;
    text += fmt::format("\n[service web]\nlisten = tcp {}:{}\npool = web\n", kVip, kServicePort);
    text += "\n[pool web]\n" + options_.pool;
    for (int number = 1; number <= options_.servers; ++number) {
      text += fmt::format("\n[server web/s{}]\naddress = 10.0.1.{}:{}\n", number, 10 + number,
                          kServerPort);
    }
  }
  return text + options_.more;
}

void PairLab::write_config(std::string text) {
  config_ = std::move(text);
  write_file(config_path_, config_);
}

void PairLab::start() {
  start("lb1");
  start("lb2");
}

void PairLab::start(std::string_view node) {
  if (options_.with_lbcore) start_lbcore(node);
  if (options_.with_vrrpd) start_vrrpd(node);
}

void PairLab::start_vrrpd(std::string_view name) {
  Node& at = node(name);
  if (at.vrrpd)
    ended_logs_.push_back(fmt::format("--- {} vrrpd (earlier)\n{}", name, at.vrrpd->err()));
  at.vrrpd.reset();
  at.vrrpd.emplace(Launch{.argv = {programs::vrrpd(), "--config", config_path_, "--node", at.name,
                                   "--run-dir", at.run_dir, "--state-dir", at.run_dir + ".state"},
                          .in = &at.inside});
}

void PairLab::start_lbcore(std::string_view name) {
  Node& at = node(name);
  if (at.lbcore)
    ended_logs_.push_back(fmt::format("--- {} lbcore (earlier)\n{}", name, at.lbcore->err()));
  at.lbcore.reset();
  at.lbcore.emplace(Launch{.argv = {programs::lbcore(), "--config", config_path_, "--node", at.name,
                                    "--run-dir", at.run_dir},
                           .in = &at.inside});
}

void PairLab::start_origin(int number) {
  auto& slot = origins_.at(static_cast<size_t>(number) - 1);
  slot.reset();
  const std::string name = fmt::format("s{}", number);
  slot.emplace(Launch{.argv = {programs::origin(), "--name", name, "--listen",
                               fmt::format("10.0.1.{}:{}", 10 + number, kServerPort)},
                      .in = &server(number)});
  const auto ready = slot->wait_for_output("listening", 5s);
  if (!ready) throw std::runtime_error(ready.message());
}

void PairLab::kill_all(std::string_view name) {
  Node& at = node(name);
  // What lives in the node's namespace was started by it, grandchildren included.
  for (const int pid : at.inside.processes()) ::kill(pid, SIGKILL);
  if (at.vrrpd) at.vrrpd->wait(5s);
  if (at.lbcore) at.lbcore->wait(5s);
}

PairLab::Node& PairLab::node(std::string_view name) {
  if (name == lb1_.name) return lb1_;
  if (name == lb2_.name) return lb2_;
  throw std::invalid_argument(fmt::format("there is no node '{}'", name));
}

std::vector<std::string> PairLab::holders(std::string_view vip) const {
  std::vector<std::string> out;
  for (const Node* node : {&lb1_, &lb2_}) {
    if (node->inside.has_address(vip)) out.push_back(node->name);
  }
  return out;
}

std::string PairLab::active_node(std::string_view vip) const {
  const std::vector<std::string> all = holders(vip);
  return all.size() == 1 ? all.front() : std::string();
}

::testing::AssertionResult PairLab::wait_active(std::string_view node, Duration within,
                                                std::string_view vip) {
  return eventually(
      within,
      [&] {
        const std::string active = active_node(vip);
        return !active.empty() && (node.empty() || active == node);
      },
      [&] {
        return fmt::format("{} held by '{}' alone; it is held by '{}'", vip, node,
                           fmt::join(holders(vip), "' and '"));
      });
}

PairLab::Options PairLab::only_vrrpd(Duration interval) {
  return {.advert_interval = interval,
          .servers = 0,
          .boot_hold = 0ms,
          .with_lbcore = false,
          .with_servers = false};
}

::testing::AssertionResult PairLab::start_in_order() {
  start("lb1");
  if (auto active = wait_active("lb1", 10s); !active) return active;
  start("lb2");
  return node("lb2").vrrpd->wait_for_output("Initialize -> Backup", 5s);
}

void PairLab::lose_node(std::string_view name, How how) {
  // The pair link first: a node that is heard there for some milliseconds more is not lost yet.
  const Namespace& inside = node(name).inside;
  for (const auto& [net, interface] :
       {std::pair{&pair_link_, "eth2"}, {&lan_, "eth0"}, {&server_net_, "eth1"}}) {
    if (how == How::carrier) net->set_cable(inside, interface, false);
    if (how == How::silent) net->set_forwarding(inside, interface, false);
  }
}

void PairLab::return_node(std::string_view name, How how) {
  const Namespace& inside = node(name).inside;
  for (const auto& [net, interface] :
       {std::pair{&pair_link_, "eth2"}, {&server_net_, "eth1"}, {&lan_, "eth0"}}) {
    if (how == How::carrier) net->set_cable(inside, interface, true);
    if (how == How::silent) net->set_forwarding(inside, interface, true);
  }
}

Finished PairLab::pairadm(std::string_view name, std::vector<std::string> arguments,
                          std::string input) {
  Node& at = node(name);
  arguments.insert(arguments.begin(), {programs::pairadm(), "--run-dir", at.run_dir});
  return run_program(
      {.argv = std::move(arguments), .in = &at.inside, .stdin_text = std::move(input)});
}

std::unique_ptr<ArpProber> PairLab::watch_vip(Duration interval) {
  std::map<std::string, std::string> names;
  for (const Node* node : {&lb1_, &lb2_}) names.emplace(node->inside.mac("eth0"), node->name);
  return std::make_unique<ArpProber>(observer_, "eth0", kVip, std::move(names), interval);
}

std::string PairLab::logs() const {
  std::string text;
  for (const std::string& ended : ended_logs_) text += ended;
  for (const Node* node : {&lb1_, &lb2_}) {
    if (node->lbcore) text += fmt::format("--- {} lbcore\n{}", node->name, node->lbcore->err());
    if (node->vrrpd) text += fmt::format("--- {} vrrpd\n{}", node->name, node->vrrpd->err());
  }
  return text;
}

}  // namespace hapair::test
