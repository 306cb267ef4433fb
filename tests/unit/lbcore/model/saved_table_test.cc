// What pairadm -S prints, read by lbcore.
#include "lbcore/model/saved_table.h"

#include <gtest/gtest.h>

#include "lbcore/model/restore.h"
#include "tests/unit/lbcore/model/specs.h"

namespace hapair::lbcore {
namespace {

TEST(SavedTable, IsWhatPairadmPrints) {
  const auto commands = parse_saved_table(
      "# before the holidays\n"
      "--set 900 120 300\n"
      "\n"
      "-A -t 10.0.0.100:80 -s wlc -p 600 -M 255.255.255.0\n"
      "-a -t 10.0.0.100:80 -r 10.0.1.1:80 -w 3 -x 10 -y 5\n"
      "-a -t 10.0.0.100:80 -r 10.0.1.2:80 -w 1 --state drain\r\n"
      "-A -u [2001:db8::1]:53 -s rr -p 60 -M 64 -o");
  ASSERT_TRUE(commands) << commands.error().message;
  ASSERT_EQ(commands->size(), 5);
  EXPECT_EQ(commands->Get(0).set_timeouts().tcpfin(), 120U);
  const auto& service = commands->Get(1).add_service();
  EXPECT_EQ(service.key().listen(), "10.0.0.100:80");
  EXPECT_EQ(service.scheduler(), "wlc");
  EXPECT_EQ(service.sticky_seconds(), 600U);
  EXPECT_EQ(service.sticky_prefix_length(), 24U);
  const auto& server = commands->Get(2).add_server();
  EXPECT_EQ(server.weight(), 3U);
  EXPECT_EQ(server.max_connections(), 10U);
  EXPECT_EQ(server.min_connections(), 5U);
  EXPECT_EQ(commands->Get(3).add_server().admin(), "drain");
  const auto& datagrams = commands->Get(4).add_service();
  EXPECT_EQ(datagrams.key().protocol(), control::PROTOCOL_UDP);
  EXPECT_EQ(datagrams.sticky_prefix_length(), 64U);
  EXPECT_TRUE(datagrams.one_shot());

  const Spec file = test::web();
  const auto restored = restore(file, file, Commands(commands->begin(), commands->begin() + 4));
  ASSERT_TRUE(restored) << restored.error().error.message;
  EXPECT_EQ(restored->spec.pools[0].servers[0].weight, 3U);
  EXPECT_EQ(restored->spec.pools[0].servers[1].admin, ServerAdmin::drain);
}

TEST(SavedTable, MistakesNameTheLine) {
  const auto why = [](const char* text) {
    const auto commands = parse_saved_table(text);
    return commands ? std::string("taken") : commands.error().message;
  };
  EXPECT_EQ(why("-C\n-L"), "line 2: -L is none of -A, -E, -D, -a, -e, -d, -C and --set");
  EXPECT_EQ(why("-A -s rr"), "line 1: one service, -t or -u, is wanted");
  EXPECT_EQ(why("-A -t"), "line 1: -t: its value is missing");
  EXPECT_EQ(why("-A -t 1.2.3.4:80 --frob"), "line 1: --frob is not known here");
  EXPECT_EQ(why("-a -t 1.2.3.4:80"), "line 1: a server, -r, is wanted");
  EXPECT_EQ(why("-a -t 1.2.3.4:80 -r 1.1.1.1:1 -w 1x"), "line 1: -w 1x: not a number");
  EXPECT_EQ(why("-A -t 1.2.3.4:80 -p 5 -M 255.0.255.0"), "line 1: -M 255.0.255.0: not a netmask");
  EXPECT_EQ(why("--set 1 2"), "line 1: --set wants three numbers");
  EXPECT_EQ(why(""), "taken");
}

}  // namespace
}  // namespace hapair::lbcore
