// The new program runs as nobody's child, with the channel and without our other descriptors.
#include "lbcore/upgrade/spawn.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "lbcore/upgrade/packet.h"

namespace hapair::lbcore::upgrade {
namespace {

TEST(Spawn, GivesTheChannelAndNothingElse) {
  auto sockets = packet_sockets();
  ASSERT_TRUE(sockets);
  const UniqueFd leaked(::open("/dev/null", O_RDONLY));  // not to be inherited all the same
  const std::string script =
      "ls /proc/self/fd | tr '\\n' ' ' >&$HAPAIR_UPGRADE_CHANNEL; echo $1 >&$HAPAIR_"
      "UPGRADE_CHANNEL";
  const auto pid =
      spawn("/bin/bash", {"bash", "-c", script, "name", "argument"}, sockets->second.get());
  ASSERT_TRUE(pid) << pid.error().message;
  EXPECT_GT(*pid, 1);
  const std::string number = std::to_string(sockets->second.get());
  const std::string unwanted = " " + std::to_string(leaked.get()) + " ";
  sockets->second.reset();
  const auto open = receive_packet(sockets->first.get(), Clock::now() + 10s);
  ASSERT_TRUE(open) << open.error().message;
  EXPECT_NE((" " + open->bytes).find(" " + number + " "), std::string::npos) << open->bytes;
  EXPECT_EQ((" " + open->bytes).find(unwanted), std::string::npos) << open->bytes;
  EXPECT_EQ(receive_packet(sockets->first.get(), Clock::now() + 10s)->bytes, "argument\n");
  EXPECT_FALSE(receive_packet(sockets->first.get(), Clock::now() + 10s)) << "it has ended";
}

TEST(Spawn, WhatCannotBeRunIsAnErrorWithItsReason) {
  auto sockets = packet_sockets();
  ASSERT_TRUE(sockets);
  const auto missing = spawn("/nonexistent/lbcore", {"lbcore"}, sockets->second.get());
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message, "start /nonexistent/lbcore: No such file or directory");
  EXPECT_FALSE(spawn("/dev/null", {"null"}, sockets->second.get()));
}

TEST(Spawn, FindsItsProgramAgain) {
  EXPECT_EQ(program_path("/usr/sbin/lbcore"), "/usr/sbin/lbcore");
  EXPECT_EQ(program_path("sbin/lbcore").front(), '/');
  EXPECT_NE(program_path("lbcore").find("unit_lbcore_upgrade"), std::string::npos)
      << "looked up in PATH: this very program";
}

}  // namespace
}  // namespace hapair::lbcore::upgrade
