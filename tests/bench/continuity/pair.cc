#include "tests/bench/continuity/pair.h"

#include <csignal>
#include <stdexcept>

#include <fmt/format.h>

#include "tests/support/wait.h"

namespace hapair::test::bench {

namespace {

constexpr Duration kInterval = 100ms;

PairLab::Options options_of(Contender contender) {
  if (contender == Contender::haproxy) {
    return {.advert_interval = kInterval, .with_vrrpd = false, .with_lbcore = false};
  }
  return {.advert_interval = kInterval,
          .boot_hold = Duration::zero(),
          .vrrp = "group = all\n",
          .lbcore = "workers = 1\n",
          .pool = fmt::format("scheduler = rr\nsticky = source/32 10m\nsource = {}\n"
                              "check = http GET /health expect 200-399 interval 500ms\n",
                              ContinuityPair::kSource),
          .more = fmt::format("\n[vrrp servers]\ninterface = eth1\nvrid = 52\npriority@lb1 = 150\n"
                              "priority@lb2 = 100\nadvert_interval = 100ms\naddresses = {}/24\n"
                              "preempt = no\nboot_hold = 0s\ngroup = all\n",
                              ContinuityPair::kSource)};
}

void must(const ::testing::AssertionResult& result) {
  if (!result) throw std::runtime_error(result.message());
}

}  // namespace

ContinuityPair::ContinuityPair(Contender contender)
    : contender_(contender), lab_(options_of(contender)) {
  if (contender == Contender::haproxy) {
    for (const char* node : {"lb1", "lb2"}) {
      start_peers(node, std::string_view(node) == "lb1" ? 150 : 100);
      if (std::string_view(node) == "lb1") must(lab_.wait_active("lb1", 20s));
    }
  } else {
    must(lab_.start_in_order());
  }
  must(wait_well());
}

::testing::AssertionResult ContinuityPair::wait_well() {
  return eventually(
      20s,
      [&] {
        if (contender_ == Contender::haproxy) return true;
        return lab_.pairadm("lb1", {"status"}).ok() && lab_.pairadm("lb2", {"status"}).ok();
      },
      "both nodes are well");
}

void ContinuityPair::start_peers(const std::string& node, int priority) {
  PairLab::Node& at = lab_.node(node);
  at.inside.sysctl("ipv4.ip_nonlocal_bind", "1");
  const std::string base = dir_ / node;
  write_file(base + ".keepalived",
             fmt::format("global_defs {{\n router_id {}\n vrrp_version 3\n}}\n"
                         "vrrp_instance main {{\n state BACKUP\n interface eth0\n nopreempt\n"
                         " virtual_router_id 51\n priority {}\n advert_int 0.1\n"
                         " virtual_ipaddress {{\n  {}/24 dev eth0\n }}\n}}\n",
                         node, priority, PairLab::kVip));
  write_file(base + ".haproxy",
             fmt::format("global\n maxconn 4000\n localpeer {}\n"
                         "defaults\n mode tcp\n timeout connect 5s\n timeout client 1h\n"
                         " timeout server 1h\n"
                         "peers pair\n peer lb1 10.255.0.1:7400\n peer lb2 10.255.0.2:7400\n"
                         "frontend web\n bind {}:80\n default_backend web\n"
                         "backend web\n balance roundrobin\n"
                         " stick-table type ip size 100k expire 10m peers pair\n stick on src\n"
                         " server s1 10.0.1.11:8080 check\n server s2 10.0.1.12:8080 check\n"
                         " server s3 10.0.1.13:8080 check\n",
                         node, PairLab::kVip));
  peers_of(node).haproxy = std::make_unique<Process>(
      Launch{.argv = {"haproxy", "-db", "-f", base + ".haproxy"}, .in = &at.inside});
  start_keepalived(node);
}

ContinuityPair::Peers& ContinuityPair::peers_of(const std::string& node) {
  return node == "lb1" ? lb1_ : lb2_;
}

void ContinuityPair::start_keepalived(const std::string& node) {
  const std::string base = dir_ / node;
  peers_of(node).keepalived = std::make_unique<Process>(
      Launch{.argv = {"keepalived", "-n", "-l", "-P", "-f", base + ".keepalived", "-p",
                      base + ".pid", "-r", base + ".vrrp"},
             .in = &lab_.node(node).inside});
}

void ContinuityPair::hand_over() {
  move_to("lb2");
}

void ContinuityPair::hand_back() {
  move_to("lb1");
}

void ContinuityPair::move_to(const std::string& node) {
  const std::string from = PairLab::other(node);
  if (contender_ == Contender::hapair) {
    const Finished moved = lab_.pairadm(from, {"handover", "--wait"});
    if (!moved.ok()) throw std::runtime_error("handover: " + moved.err);
  } else {
    // As an operator does it: keepalived is stopped, and started again when it has let go.
    (void)peers_of(from).keepalived->terminate(5s);
    must(lab_.wait_active(node, 10s));
    start_keepalived(from);
  }
  must(lab_.wait_active(node, 10s));
}

void ContinuityPair::crash() {
  lab_.lose_node("lb1", PairLab::How::silent);
  if (contender_ == Contender::hapair) {
    lab_.kill_all("lb1");
  } else {
    for (const auto* each : {&lb1_.keepalived, &lb1_.haproxy}) {
      for (const pid_t child : (*each)->children()) ::kill(child, SIGKILL);
      (*each)->signal(SIGKILL);
    }
  }
}

}  // namespace hapair::test::bench
