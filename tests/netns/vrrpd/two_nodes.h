// For tests of two vrrpd that know each other as a pair: lb1 Active, lb2 Backup, each link can be
// cut.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "common/control_socket.h"
#include "common/schema/control.pb.h"
#include "tests/support/pair_lab.h"
#include "tests/support/root_test.h"
#include "tests/support/wait.h"

namespace hapair::test {

class TwoNodes : public RootTest {
 protected:
  /// lb1 is Active, and both hear each other on the pair path.
  void start(const PairLab::Options& options) {
    lab_.emplace(options);
    start_both();
    ASSERT_TRUE(eventually(
        5s, [&] { return status("lb2").routers(0).received() > 0; }, "lb2 hears lb1 on the LAN"));
  }
  void start_both() {
    ASSERT_TRUE(lab_->start_in_order());
    ASSERT_TRUE(eventually(
        5s, [&] { return status("lb1").pair().alive() && status("lb2").pair().alive(); },
        "both are heard on the pair path"));
  }

  [[nodiscard]] Process& vrrpd(std::string_view node) { return *lab_->node(node).vrrpd; }
  [[nodiscard]] bool has_vip(std::string_view node) {
    return lab_->node(node).inside.has_address(PairLab::kVip);
  }
  void lan(std::string_view node, bool works) {
    lab_->lan().set_forwarding(lab_->node(node).inside, "eth0", works);
  }
  void pair_link(bool works) {
    lab_->pair_link().set_forwarding(lab_->node("lb2").inside, "eth2", works);
  }

  [[nodiscard]] control::VrrpStatus status(std::string_view node) {
    control::Request request;
    request.mutable_status();
    auto client = ControlClient::connect(lab_->node(node).run_dir + "/vrrpd.sock");
    if (!client || !client->send(request.SerializeAsString(), 2s)) return {};
    const auto answer = client->receive(2s);
    control::Reply reply;
    if (!answer || !reply.ParseFromString(*answer)) return {};
    return reply.vrrp();
  }
  [[nodiscard]] uint64_t pair_refusals(std::string_view node, const std::string& reason) {
    const control::VrrpStatus now = status(node);
    const auto& all = now.pair().refused();
    const auto at = all.find(reason);
    return at == all.end() ? 0 : at->second;
  }
  [[nodiscard]] uint64_t refusals(std::string_view node, const std::string& reason) {
    const control::VrrpStatus now = status(node);
    if (now.routers().empty()) return 0;
    const auto& all = now.routers(0).refused();
    const auto at = all.find(reason);
    return at == all.end() ? 0 : at->second;
  }

  std::optional<PairLab> lab_;
};

}  // namespace hapair::test
