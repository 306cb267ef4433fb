// Commands onto a Spec, all or none: the file's names and checks come back with its services.
#include "lbcore/model/restore.h"

#include <gtest/gtest.h>

#include "tests/unit/lbcore/model/specs.h"

namespace hapair::lbcore {
namespace {

using Commands = google::protobuf::RepeatedPtrField<control::Request>;

/// As the configuration has it: web, with a check that pairadm cannot say.
Spec from_file() {
  Spec spec = test::web();
  spec.pools[0].check.path = "/health";
  spec.pools[0].connect_timeout = 250ms;
  return spec;
}

control::ServiceEdit* add_service(Commands& commands, const std::string& listen) {
  auto* edit = commands.Add()->mutable_add_service();
  edit->mutable_key()->set_listen(listen);
  return edit;
}
control::ServerEdit* add_server(Commands& commands, const std::string& listen,
                                const std::string& address) {
  auto* edit = commands.Add()->mutable_add_server();
  edit->mutable_key()->mutable_service()->set_listen(listen);
  edit->mutable_key()->set_address(address);
  return edit;
}

TEST(Restore, ClearedServicesOfTheFileComeBackWithTheirNamesAndChecks) {
  Commands commands;
  add_service(commands, "10.0.0.100:80")->set_scheduler("rr");
  add_server(commands, "10.0.0.100:80", "10.0.1.2:80")->set_weight(7);
  add_server(commands, "10.0.0.100:80", "10.0.1.9:80");
  const auto restored = restore(Spec{}, from_file(), commands);
  ASSERT_TRUE(restored) << restored.error().error.message;
  const Spec& spec = restored->spec;
  ASSERT_EQ(spec.services.size(), 1U);
  EXPECT_EQ(spec.services[0].name, "web");
  EXPECT_TRUE(spec.services[0].runtime) << "another scheduler than the file's";
  ASSERT_EQ(spec.pools.size(), 1U);
  EXPECT_EQ(spec.pools[0].check, from_file().pools[0].check);
  EXPECT_EQ(spec.pools[0].connect_timeout, 250ms);
  EXPECT_EQ(spec.pools[0].scheduler, balance::Algorithm::rr);
  ASSERT_EQ(spec.pools[0].servers.size(), 2U) << "a was not among the commands";
  EXPECT_EQ(spec.pools[0].servers[0].name, "b");
  EXPECT_EQ(spec.pools[0].servers[0].weight, 7U);
  EXPECT_EQ(spec.pools[0].servers[1].name, "10.0.1.9:80");
}

TEST(Restore, WhatTheFileSaysIsNoRuntimeChange) {
  Commands commands;
  add_service(commands, "10.0.0.100:80")->set_scheduler("wlc");
  add_server(commands, "10.0.0.100:80", "10.0.1.1:80");
  add_server(commands, "10.0.0.100:80", "10.0.1.2:80");
  const auto restored = restore(Spec{}, from_file(), commands);
  ASSERT_TRUE(restored) << restored.error().error.message;
  EXPECT_EQ(restored->spec, from_file());
}

TEST(Restore, AddingWhatIsThereSetsIt) {
  Spec running = from_file();
  running.pools[0].sticky.timeout = 5min;
  running.pools[0].servers[0].admin = ServerAdmin::drain;
  running.pools[0].servers[0].weight = 9;
  running.pools[0].servers[0].max_connections = 100;
  running.pools[0].servers[0].min_connections = 50;
  Commands commands;
  add_service(commands, "10.0.0.100:80")->set_scheduler("wlc");
  add_server(commands, "10.0.0.100:80", "10.0.1.1:80");
  const auto restored = restore(running, from_file(), commands);
  ASSERT_TRUE(restored) << restored.error().error.message;
  EXPECT_EQ(restored->spec, from_file()) << "not named: its default";
}

TEST(Restore, BothFamiliesOfASharedPoolKeepTheirPrefixes) {
  Spec file = from_file();
  file.services.push_back({.name = "web6", .listen = test::at("[2001:db8::1]:80"), .pool = "web"});
  Commands commands;
  auto* v4 = add_service(commands, "10.0.0.100:80");
  v4->set_sticky_seconds(600);
  v4->set_sticky_prefix_length(24);
  auto* v6 = add_service(commands, "[2001:db8::1]:80");
  v6->set_sticky_seconds(600);
  v6->set_sticky_prefix_length(64);
  const auto restored = restore(Spec{}, file, commands);
  ASSERT_TRUE(restored) << restored.error().error.message;
  EXPECT_EQ(restored->spec.services.size(), 2U);
  EXPECT_EQ(restored->spec.pools[0].sticky,
            (StickySpec{.timeout = 10min, .prefix_v4 = 24, .prefix_v6 = 64}));
}

TEST(Restore, OneMistakeAndNothingIsDone) {
  Commands commands;
  add_service(commands, "10.0.0.100:81");
  add_server(commands, "10.0.0.100:82", "10.0.1.1:80");
  const auto restored = restore(from_file(), from_file(), commands);
  ASSERT_FALSE(restored);
  EXPECT_EQ(restored.error().command, 1U);
  EXPECT_EQ(restored.error().error.code, control::NOT_FOUND);
  EXPECT_EQ(restored.error().error.message, "Service not defined: TCP 10.0.0.100:82");
}

TEST(Restore, OnlyEdits) {
  Commands commands;
  commands.Add()->mutable_status();
  EXPECT_EQ(restore(Spec{}, Spec{}, commands).error().error.code, control::INVALID);
  commands.Clear();
  commands.Add()->mutable_restore_table();
  EXPECT_EQ(restore(Spec{}, Spec{}, commands).error().error.code, control::INVALID);
}

TEST(Restore, ClearFirstReplacesTheTable) {
  Commands commands;
  commands.Add()->mutable_clear();
  add_service(commands, "10.0.0.100:81");
  const auto restored = restore(from_file(), from_file(), commands);
  ASSERT_TRUE(restored) << restored.error().error.message;
  ASSERT_EQ(restored->spec.services.size(), 1U);
  EXPECT_EQ(restored->spec.services[0].name, "tcp-10.0.0.100:81");
}

}  // namespace
}  // namespace hapair::lbcore
