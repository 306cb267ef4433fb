// A node that was cut off from everything knows nothing good of any server when its cables are
// back: it must not need a whole series of good checks before it can serve.
#include <algorithm>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/pair_lab.h"
#include "tests/support/root_test.h"
#include "tests/support/wait.h"

namespace hapair::test {
namespace {

using LinkReturn = RootTest;

int servers_up(PairLab& lab, const std::string& node) {
  const auto list = nlohmann::json::parse(lab.pairadm(node, {"-L", "--json"}).out, nullptr, false);
  if (list.is_discarded()) return -1;
  int up = 0;
  for (const auto& server : list.at("services").at(0).at("servers")) {
    const bool own = !server.at("check").get<std::string>().starts_with("HINT");
    if (own && server.at("check") == "") return -1;
    up += server.at("up").get<bool>() ? 1 : 0;
  }
  return up;
}

TEST_F(LinkReturn, TheServersAreBackWithTheCables) {
  PairLab lab({.boot_hold = 0ms,
               .pool = "scheduler = rr\n"
                       "check = http GET /health expect 200-399 interval 1m timeout 500ms fall 1 "
                       "rise 5\n"});
  lab.start("lb1");
  ASSERT_TRUE(lab.wait_active("lb1", 15s));
  auto& lb2 = lab.node("lb2").inside;
  lab.server_net().set_cable(lb2, "eth1", false);
  lab.start("lb2");
  ASSERT_TRUE(eventually(
      15s, [&] { return servers_up(lab, "lb2") == 0; }, "lb2 sees every server down"));
  lab.lose_node("lb2", PairLab::How::carrier);
  ASSERT_TRUE(eventually(
      15s, [&] { return lab.pairadm("lb2", {"vrrp"}).out.find("Initialize") != std::string::npos; },
      "lb2 has noticed"));
  lab.return_node("lb2", PairLab::How::carrier);
  // Five good checks would take five minutes.
  ASSERT_TRUE(eventually(
      15s, [&] { return servers_up(lab, "lb2") == 3; }, "lb2 sees every server up"));
}

}  // namespace
}  // namespace hapair::test
