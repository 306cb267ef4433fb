// The virtual router's own MAC address: the clients' neighbour tables stay as they are, whoever is
// Active, and only the Active uses it.
#include <csignal>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/pair_lab.h"
#include "tests/support/programs.h"
#include "tests/support/root_test.h"
#include "tests/support/wait.h"
#include "tests/support/wire_tap.h"

namespace hapair::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kMac = "00:00:5e:00:01:33";  // VRID 51
constexpr const char* kMacvlan = "vrrp.51";

class VirtualMac : public RootTest {
 protected:
  void SetUp() override {
    RootTest::SetUp();
    if (IsSkipped() || HasFailure()) return;
    lab_.emplace(PairLab::Options{.advert_interval = 100ms,
                                  .servers = 0,
                                  .boot_hold = 0ms,
                                  .with_lbcore = false,
                                  .with_servers = false,
                                  .vrrp = "virtual_mac = yes\n"});
    tap_ = std::make_unique<WireTap>(lab_->observer(), "eth0");
    lab_->start("lb1");
    ASSERT_TRUE(lab_->wait_active("lb1", 5s));
    lab_->start("lb2");
    ASSERT_TRUE(lab_->node("lb2").vrrpd->wait_for_output("Initialize -> Backup", 5s));
    udp_ = std::make_unique<UdpProber>(lab_->client(), PairLab::kVip);
    ASSERT_TRUE(answers("lb1"));
  }

  [[nodiscard]] testing::AssertionResult answers(const std::string& node) {
    return eventually(
        5s, [&] { return udp_->log().last_answer() == node; },
        [&] { return "last answer of " + udp_->log().last_answer(); });
  }
  [[nodiscard]] std::string neighbour() {
    return lab_->client().ip(std::string("neigh show ") + PairLab::kVip);
  }
  [[nodiscard]] std::string link(std::string_view node) {
    return lab_->node(node).inside.try_exec({"ip", "-d", "link", "show", "dev", kMacvlan}).out;
  }

  std::optional<PairLab> lab_;
  std::unique_ptr<WireTap> tap_;
  std::unique_ptr<UdpProber> udp_;
};

TEST_F(VirtualMac, is_what_clients_know_before_and_after_a_failover) {
  EXPECT_THAT(neighbour(), HasSubstr(kMac));
  EXPECT_THAT(link("lb1"), HasSubstr(",UP"));
  EXPECT_THAT(link("lb1"), HasSubstr("macvlan mode private"));
  EXPECT_THAT(link("lb2"), Not(HasSubstr(",UP"))) << "a Backup takes no traffic";

  auto arp = lab_->watch_vip();
  lab_->lose_node("lb1", PairLab::How::silent);
  ASSERT_TRUE(answers("lb2"));
  EXPECT_THAT(neighbour(), HasSubstr(kMac));
  lab_->return_node("lb1", PairLab::How::silent);
  // The two Actives hear each other although they have the same address.
  ASSERT_TRUE(lab_->wait_active("lb1", 5s));
  ASSERT_TRUE(answers("lb1"));
  EXPECT_EQ(lab_->node("lb1").vrrpd->terminate(3s).code, 0);
  ASSERT_TRUE(answers("lb2"));
  EXPECT_THAT(neighbour(), HasSubstr(kMac));
  EXPECT_EQ(link("lb1"), "") << "it is removed with its router";

  for (const auto& stretch : arp->log().stretches({})) EXPECT_EQ(stretch.who, kMac);
  for (const auto& heard : tap_->advertisements({})) EXPECT_EQ(heard.mac, kMac);
  const auto announced = tap_->announcements({});
  EXPECT_GE(announced.size(), 2U);
  for (const auto& heard : announced) {
    EXPECT_EQ(heard.mac, kMac);
    EXPECT_EQ(heard.says, kMac);
  }
}

TEST_F(VirtualMac, comes_back_with_the_vip_when_somebody_deletes_its_interface) {
  const Namespace& lb1 = lab_->node("lb1").inside;
  lb1.ip(std::string("link del ") + kMacvlan);
  EXPECT_TRUE(eventually(
      2s, [&] { return lb1.has_address(PairLab::kVip); }, "the VIP is back"));
  EXPECT_TRUE(answers("lb1"));
  EXPECT_THAT(neighbour(), HasSubstr(kMac));
}

TEST_F(VirtualMac, leaves_nothing_when_all_are_killed_and_the_supervisor_cleans_up) {
  lab_->kill_all("lb1");
  const Finished done = run_program({.argv = {programs::vrrpd(), "--config", lab_->config_path(),
                                              "--node", "lb1", "--release-addresses"},
                                     .in = &lab_->node("lb1").inside});
  EXPECT_EQ(done.exit.code, 0) << done.err;
  EXPECT_EQ(link("lb1"), "");
  EXPECT_FALSE(lab_->node("lb1").inside.has_address(PairLab::kVip));
  EXPECT_TRUE(answers("lb2"));
}

TEST_F(VirtualMac, takes_no_interface_of_somebody_else) {
  const Namespace& lb1 = lab_->node("lb1").inside;
  EXPECT_EQ(lab_->node("lb1").vrrpd->terminate(3s).code, 0);
  lb1.ip(std::string("link add ") + kMacvlan + " type veth peer name far");
  lab_->start_vrrpd("lb1");
  EXPECT_TRUE(lab_->node("lb1").vrrpd->wait_for_output(
      "vrrp.51 exists and is not vrrpd's; see virtual_mac_interface", 5s));
}

}  // namespace
}  // namespace hapair::test
