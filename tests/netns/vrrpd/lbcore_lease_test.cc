// vrrpd and what lbcore says of itself over role.sock: no serving lbcore, no VIP. The lbcore here
// is a role server of the test's own, which can hang and die at will.
#include <atomic>

#include <gtest/gtest.h>

#include "common/schema/role.pb.h"
#include "tests/netns/vrrpd/one_node.h"

namespace hapair::test {
namespace {

constexpr Duration kLease = 100ms;

class RoleServer {
 public:
  explicit RoleServer(std::string path)
      : thread_([this, path = std::move(path)](const std::stop_token& stop) { run(stop, path); }) {}

  void set_serving(bool serving) { serving_ = serving; }
  /// A hung lbcore: the socket stays, nothing comes.
  void set_hung(bool hung) { hung_ = hung; }
  [[nodiscard]] role::State told() const { return told_; }

 private:
  void run(const std::stop_token& stop, const std::string& path) {
    EventLoop loop;
    Logger log("role-server");
    ControlServer server(
        loop, log, path,
        {.on_open = {},
         .on_message =
             [this](ControlConnection&, std::string_view payload) {
               role::NodeRole node;
               if (node.ParseFromString(std::string(payload)) && node.routers_size() == 1) {
                 told_ = node.routers(0).state();
               }
             },
         .on_close = {}});
    const Ticker tick(loop, kLease / 4, [&] {
      if (stop.stop_requested()) loop.stop();
      if (hung_) return;
      role::Serving word;
      word.set_serving(serving_);
      if (!serving_) word.set_reason("no worker turns");
      word.set_lease_ms(static_cast<uint32_t>(kLease / 1ms));
      word.set_in_sync(true);
      server.send_all(word.SerializeAsString());
    });
    loop.run();
  }

  std::atomic<bool> serving_{true};
  std::atomic<bool> hung_{false};
  std::atomic<role::State> told_{role::STATE_INITIALIZE};
  std::jthread thread_;
};

class LbcoreLease : public OneNode {
 protected:
  void SetUp() override {
    OneNode::SetUp();
    if (IsSkipped() || HasFailure()) return;
    replace_in_config("vrid = 51", "vrid = 51\ntrack_lbcore = yes");
    lab_->start_vrrpd("lb1");
    ASSERT_TRUE(vrrpd().wait_for_output(
        "vrrp main: stays Initialize (lbcore is not serving: it is not running)", 5s));
    lbcore_.emplace(lb1().run_dir + "/role.sock");
    ASSERT_TRUE(has_vip(2s));
  }
  [[nodiscard]] testing::AssertionResult has_vip(Duration within) {
    return eventually(
        within, [&] { return has(PairLab::kVip); }, "the VIP");
  }
  [[nodiscard]] testing::AssertionResult gives_vip_away(Duration within) {
    return eventually(
        within, [&] { return !has(PairLab::kVip); }, "no VIP");
  }

  std::optional<RoleServer> lbcore_;
};

TEST_F(LbcoreLease, is_told_every_role) {
  EXPECT_TRUE(eventually(
      1s, [&] { return lbcore_->told() == role::STATE_ACTIVE; }, "Active"));
  lbcore_->set_serving(false);
  EXPECT_TRUE(eventually(
      1s, [&] { return lbcore_->told() == role::STATE_INITIALIZE; }, "Initialize"));
}

TEST_F(LbcoreLease, that_says_no_loses_the_vip_with_its_reason) {
  lbcore_->set_serving(false);
  EXPECT_TRUE(gives_vip_away(1s));
  EXPECT_TRUE(vrrpd().wait_for_output(
      "vrrp main: Active -> Initialize (lbcore is not serving: no worker turns)", 1s));
  lbcore_->set_serving(true);
  EXPECT_TRUE(has_vip(2s));
}

TEST_F(LbcoreLease, that_hangs_loses_the_vip_when_its_lease_ends) {
  const TimePoint hung = Clock::now();
  lbcore_->set_hung(true);
  EXPECT_TRUE(gives_vip_away(kLease + 100ms));
  EXPECT_GE(Clock::now() - hung, kLease * 3 / 4);
  EXPECT_TRUE(vrrpd().wait_for_output("(lbcore is not serving: it does not answer)", 1s));
  lbcore_->set_hung(false);
  EXPECT_TRUE(has_vip(2s));
}

TEST_F(LbcoreLease, that_dies_loses_the_vip_at_once) {
  const TimePoint died = Clock::now();
  lbcore_.reset();
  EXPECT_TRUE(gives_vip_away(100ms));
  RecordProperty("released_us", static_cast<int>((Clock::now() - died) / 1us));
  EXPECT_TRUE(vrrpd().wait_for_output("(lbcore is not serving: it is not running)", 1s));
  lbcore_.emplace(lb1().run_dir + "/role.sock");
  EXPECT_TRUE(has_vip(2s));
}

}  // namespace
}  // namespace hapair::test
