// drain, disable, enable: whom they mean, what they ask, what they print, and their exit codes.
#include <string>

#include <gtest/gtest.h>

#include "tests/unit/tools/pairadm/fake_shell.h"

namespace hapair::pairadm {
namespace {

/// Service "shop" on 192.0.2.10:80 and [2001:db8::1]:80 ("shop6"), both of pool web: servers a, b.
control::Reply listing(const std::string& state_of_a, uint64_t open) {
  control::Reply reply;
  for (const char* name : {"shop", "shop6"}) {
    auto& service = *reply.mutable_listing()->add_services();
    service.set_name(name);
    service.set_pool("web");
    service.mutable_key()->set_listen(std::string(name) == "shop" ? "192.0.2.10:80"
                                                                  : "[2001:db8::1]:80");
    for (const char* server : {"a", "b"}) {
      auto& added = *service.add_servers();
      added.set_name(server);
      added.set_address(std::string(server) == "a" ? "10.0.1.11:8080" : "10.0.1.12:8080");
      added.set_weight(1);
      added.set_up(true);
      added.set_admin(std::string(server) == "a" ? state_of_a : "enabled");
      added.mutable_counters()->set_active(open);
    }
  }
  return reply;
}

/// Answers the edit with OK and every other request with what `look` says.
struct States : FakeShell {
  explicit States(std::function<control::Reply(size_t look)> look) {
    on_ask = [this, look = std::move(look)] {
      daemons["lbcore"] = asked.back().has_list() ? look(looks++) : control::Reply();
    };
  }
  size_t looks = 0;
};

TEST(ServerState, MeansTheServerByNameOrAddress) {
  for (const char* line :
       {"drain shop a", "drain web a", "drain web/a", "drain 192.0.2.10:80 10.0.1.11:8080",
        "drain 192.0.2.10 10.0.1.11", "drain [2001:db8::1]:80 a", "drain shop6 10.0.1.11"}) {
    States shell([](size_t look) { return listing(look == 0 ? "enabled" : "drain", 12); });
    EXPECT_EQ(shell.run(words(line)), 0) << line << shell.err.str();
    ASSERT_EQ(shell.asked.size(), 3U) << line;
    const auto& edit = shell.asked[1].edit_server();
    EXPECT_EQ(edit.key().address(), "10.0.1.11:8080") << line;
    EXPECT_EQ(edit.admin(), "drain");
    EXPECT_FALSE(edit.has_weight());
    EXPECT_EQ(shell.out.str(), "web/a: drain, up, 12 connections\n");
  }
}

TEST(ServerState, EachVerbAsksForItsState) {
  for (const auto& [verb, state] : {std::pair("drain", "drain"), std::pair("disable", "disabled"),
                                    std::pair("enable", "enabled")}) {
    States shell([](size_t) { return listing("enabled", 0); });
    EXPECT_EQ(shell.run({verb, "web/a"}), 0);
    EXPECT_EQ(shell.asked[1].edit_server().admin(), state);
  }
}

TEST(ServerState, SaysWhichThereAre) {
  const auto refused = [](const std::string& line) {
    States shell([](size_t) { return listing("enabled", 0); });
    EXPECT_EQ(shell.run(words(line)), 255) << line;
    EXPECT_EQ(shell.asked.size(), 1U) << "nothing was changed";
    return shell.err.str();
  };
  EXPECT_EQ(refused("drain blog a"), "pairadm: No such service: blog; there are shop, shop6\n");
  EXPECT_EQ(refused("drain blog/a"), "pairadm: No such pool: blog; there is web\n");
  EXPECT_EQ(refused("drain shop c"),
            "pairadm: No such destination: c of shop; there are a (10.0.1.11:8080), b "
            "(10.0.1.12:8080)\n");
}

TEST(ServerState, NeedsBothNames) {
  for (const char* line : {"drain", "drain web", "drain /a", "drain web/", "drain a b c"}) {
    States shell([](size_t) { return listing("enabled", 0); });
    EXPECT_EQ(shell.run(words(line)), 2) << line;
    EXPECT_TRUE(shell.asked.empty());
  }
}

TEST(ServerState, WaitsUntilTheLastConnectionIsGone) {
  States shell([](size_t look) {
    return listing(look == 0 ? "enabled" : "drain", look < 3 ? 2 : look < 5 ? 1 : 0);
  });
  EXPECT_EQ(shell.run(words("drain --wait web/a")), 0);
  EXPECT_EQ(shell.err.str(),
            "pairadm: note: web/a: 2 connections open\n"
            "pairadm: note: web/a: 1 connection open\n");
  EXPECT_EQ(shell.out.str(), "web/a: drain, up, 0 connections\n");
}

TEST(ServerState, GivesUpWaitingWithAnExitCodeOfItsOwn) {
  States shell([](size_t look) { return listing(look == 0 ? "enabled" : "disabled", 1); });
  EXPECT_EQ(shell.run(words("disable --wait 1s 192.0.2.10:80 10.0.1.11:8080")), 3);
  EXPECT_EQ(shell.err.str(),
            "pairadm: note: web/a: 1 connection open\n"
            "pairadm: web/a: 1 connection did not end in time\n");
  EXPECT_EQ(shell.now, TimePoint{101s});
}

TEST(ServerState, AnotherOperatorEndsTheWait) {
  States shell([](size_t look) { return listing(look == 1 ? "drain" : "enabled", 1); });
  EXPECT_EQ(shell.run(words("drain --wait web/a")), 255);
  EXPECT_NE(shell.err.str().find("web/a was made enabled meanwhile"), std::string::npos);
}

TEST(ServerState, EnableWaitsUntilItIsUp) {
  States shell([](size_t look) {
    auto reply = listing("enabled", 0);
    for (auto& service : *reply.mutable_listing()->mutable_services())
      service.mutable_servers(0)->set_up(look >= 4);
    return reply;
  });
  EXPECT_EQ(shell.run(words("enable --wait web/a --json")), 0);
  EXPECT_EQ(shell.out.str(),
            "{\n  \"server\": \"web/a\",\n  \"address\": \"10.0.1.11:8080\",\n"
            "  \"state\": \"enabled\",\n  \"up\": true,\n  \"active\": 0,\n"
            "  \"sessions\": 0,\n  \"took_ms\": 300\n}\n");
}

}  // namespace
}  // namespace hapair::pairadm
