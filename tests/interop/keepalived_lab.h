// vrrpd on one node of a PairLab and keepalived from Debian on the other, speaking the version,
// family and kind of sending that a Setting names. Nothing is configured for the other's sake but
// what has to be the same.
#pragma once

#include <algorithm>
#include <csignal>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/support/pair_lab.h"
#include "tests/support/root_test.h"
#include "tests/support/vrrpd_status.h"
#include "tests/support/wait.h"
#include "vrrpd/wire/intervals.h"

namespace hapair::test {

struct Setting {
  uint8_t version;
  int family;  // 4 or 6
  bool unicast;
  Duration interval;
};

inline std::string name_of(const Setting& setting) {
  return fmt::format("v{}_ipv{}_{}_{}ms", setting.version, setting.family,
                     setting.unicast ? "unicast" : "multicast", setting.interval / 1ms);
}

/// Every combination that both know; `of_v3` is their interval but for version 2, which counts
/// seconds.
inline std::vector<Setting> all_settings(Duration of_v3) {
  return {{2, 4, false, 1s},   {2, 4, true, 1s},     {3, 4, false, of_v3},
          {3, 4, true, of_v3}, {3, 6, false, of_v3}, {3, 6, true, of_v3}};
}

class KeepalivedLab : public RootTest {
 public:
  struct Vrrpd {
    int priority = 100;
    bool preempt = false;
    std::string on = "lb1";
  };
  struct Keepalived {
    int priority = 150;
    bool preempt = true;  // its default
    // What it has wrong, where a test is about that.
    std::optional<int> version = {};
    std::optional<Duration> interval = {};
    bool default_ttl = false;
    std::string more = {};
  };

 protected:
  void TearDown() override {
    if (HasFailure() && keepalived_) {
      std::cerr << "--- keepalived\n" << keepalived_->out() << keepalived_->err();
    }
  }

  void build(const Setting& setting, const Vrrpd& vrrpd) {
    setting_ = setting;
    vrrpd_on_ = vrrpd.on;
    keepalived_on_ = PairLab::other(vrrpd.on);
    vip_ = setting.family == 6 ? PairLab::kVipSix : PairLab::kVip;
    router_ = setting.family == 6 ? "six" : "main";
    lab_.emplace(PairLab::Options{.advert_interval = setting.interval,
                                  .servers = 0,
                                  .priority_lb1 = vrrpd.priority,
                                  .priority_lb2 = vrrpd.priority,
                                  .preempt = vrrpd.preempt,
                                  .unicast = setting.unicast,
                                  .foreign_peer = true,
                                  .ipv6 = setting.family == 6,
                                  .boot_hold = 0ms,
                                  .with_lbcore = false,
                                  .with_servers = false,
                                  .vrrp = setting.version == 2 ? "version = 2\n" : ""});
    // Link-local addresses that are known, so that it is known which is the greater.
    for (const int number : {1, 2}) {
      if (setting.family != 6) break;
      const Namespace& inside = lab_->node(fmt::format("lb{}", number)).inside;
      inside.ip("link set eth0 addrgenmode none");
      inside.ip("-6 addr flush dev eth0 scope link");
      inside.ip(fmt::format("addr add fe80::{}/64 dev eth0", number));
    }
  }

  void start_vrrpd() { lab_->start_vrrpd(vrrpd_on_); }
  void start_keepalived(const Keepalived& what) {
    write_file(dir_ / "keepalived.conf", keepalived_config(what));
    keepalived_.emplace(
        Launch{.argv = {"keepalived", "--dont-fork", "--log-console", "--log-detail", "--vrrp",
                        "--use-file", dir_ / "keepalived.conf", "--pid", dir_ / "keepalived.pid",
                        "--vrrp_pid", dir_ / "vrrp.pid"},
               .in = &lab_->node(keepalived_on_).inside});
  }
  [[nodiscard]] testing::AssertionResult keepalived_is_backup() {
    return keepalived_->wait_for_output("Entering BACKUP STATE", 5s);
  }
  [[nodiscard]] testing::AssertionResult vrrpd_says(std::string_view text) {
    return vrrpd().wait_for_output(fmt::format("vrrp {}: {}", router_, text), 15s);
  }
  [[nodiscard]] Process& vrrpd() { return *lab_->node(vrrpd_on_).vrrpd; }

  void kill_keepalived() {
    // Children first: one that sees its parent die resigns and removes the VIP before it is killed.
    const Namespace& inside = lab_->node(keepalived_on_).inside;
    std::vector<int> pids = inside.processes();
    std::ranges::sort(pids, std::greater<>());
    for (const int pid : pids) ::kill(pid, SIGKILL);
    keepalived_->wait(5s);
    // It leaves its VIPs behind: the test takes them away.
    for (const std::string& vip : vips()) inside.ip(fmt::format("addr del {} dev eth0", vip));
  }

  /// `node` holds the VIP, and alone, for longer than anybody would wait in silence. A machine that
  /// stands still for so long may move it once more: what counts is where it ends.
  [[nodiscard]] testing::AssertionResult settles_on(std::string_view node) {
    const Duration calm =
        vrrp::active_down_interval(1, setting_.interval, setting_.version) + setting_.interval;
    const TimePoint deadline = Clock::now() + 4 * calm + 10s;
    testing::AssertionResult stays = testing::AssertionFailure();
    do {
      auto reached = lab_->wait_active(node, deadline - Clock::now(), vip_);
      if (!reached) return reached;
      stays = holds_for(
          calm, [&] { return lab_->active_node(vip_) == node; }, "one and the same holder");
    } while (!stays && Clock::now() < deadline);
    return stays;
  }
  /// What vrrpd has heard of keepalived it has taken, all of it.
  [[nodiscard]] testing::AssertionResult nothing_was_refused() {
    const auto router = vrrpd_router(lab_->node(vrrpd_on_).run_dir, router_);
    if (router.refused().empty()) return testing::AssertionSuccess();
    auto out = testing::AssertionFailure() << "refused:";
    for (const auto& [reason, count] : router.refused()) out << ' ' << reason << ' ' << count;
    return out;
  }

  [[nodiscard]] std::vector<std::string> vips() const {
    if (setting_.family == 6) return {"fe80::100/64", fmt::format("{}/64", PairLab::kVipSix)};
    return {fmt::format("{}/24", PairLab::kVip)};
  }
  /// The address with which keepalived speaks.
  [[nodiscard]] std::string keepalived_address() const {
    const char number = keepalived_on_.back();
    if (setting_.family == 4) return fmt::format("10.0.0.{}", number);
    return fmt::format("{}{}", setting_.unicast ? "2001:db8::" : "fe80::", number);
  }

  Setting setting_{};
  std::string vrrpd_on_;
  std::string keepalived_on_;
  std::string vip_;
  std::string router_;  // its name in hapair.conf
  std::optional<PairLab> lab_;
  std::optional<Process> keepalived_;

 private:
  [[nodiscard]] std::string keepalived_config(const Keepalived& what) const {
    std::string text = fmt::format(
        "global_defs {{\n  router_id {}\n  vrrp_version {}\n}}\n"
        "vrrp_instance main {{\n  state BACKUP\n  interface eth0\n  virtual_router_id 51\n"
        "  priority {}\n  advert_int {}\n",
        keepalived_on_, what.version.value_or(setting_.version), what.priority,
        std::chrono::duration<double>(what.interval.value_or(setting_.interval)).count());
    if (!what.preempt) text += "  nopreempt\n";
    if (setting_.unicast) {
      // Else the IPv6 ones have the kernel's hop limit.
      if (setting_.family == 6 && !what.default_ttl) text += "  unicast_ttl 255\n";
      const std::string_view net = setting_.family == 6 ? "2001:db8::" : "10.0.0.";
      text += fmt::format("  unicast_src_ip {0}{1}\n  unicast_peer {{\n    {0}{2}\n  }}\n", net,
                          keepalived_on_.back(), vrrpd_on_.back());
    }
    text += what.more + "  virtual_ipaddress {\n";
    for (const std::string& vip : vips()) text += fmt::format("    {} dev eth0\n", vip);
    return text + "  }\n}\n";
  }

  TempDir dir_;
};

}  // namespace hapair::test
