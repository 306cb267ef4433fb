// What pairadm changed, carried over to another process's reading of the file.
#include "lbcore/model/runtime_changes.h"

#include <functional>

#include <gtest/gtest.h>

#include "lbcore/model/edit.h"
#include "lbcore/model/reload.h"
#include "tests/unit/lbcore/model/specs.h"

namespace hapair::lbcore {
namespace {

using test::at;

/// As the configuration has it: two services on one pool, one of another family, one over UDP.
Spec from_file() {
  Spec spec = test::web();
  spec.pools[0].check.path = "/health";
  spec.pools[0].connect_timeout = 250ms;
  spec.services.push_back({.name = "web6", .listen = at("[2001:db8::1]:80"), .pool = "web"});
  spec.pools.push_back({.name = "dns", .servers = {test::server("n", "10.0.2.1:53")}});
  spec.services.push_back(
      {.name = "dns", .protocol = Protocol::udp, .listen = at("10.0.0.100:53"), .pool = "dns"});
  return spec;
}

/// The Spec after these commands of pairadm.
class Running {
 public:
  explicit Running(Spec spec) : spec_(std::move(spec)) {}
  Running& operator()(const std::function<void(control::Request&)>& fill) {
    control::Request request;
    fill(request);
    auto edited = edit(spec_, request);
    EXPECT_TRUE(edited) << (edited ? "" : edited.error().message);
    if (edited) spec_ = std::move(edited->spec);
    return *this;
  }
  [[nodiscard]] Spec marked(const Spec& file) const {
    Spec out = spec_;
    mark_runtime(file, out);
    return out;
  }

 private:
  Spec spec_;
};

void service_key(control::ServiceKey& key, const std::string& listen) {
  key.set_listen(listen);
}
void server_key(control::ServerKey& key, const std::string& listen, const std::string& address) {
  service_key(*key.mutable_service(), listen);
  key.set_address(address);
}

constexpr const char* kWeb = "10.0.0.100:80";

TEST(RuntimeChanges, OfAFileThatNobodyTouchedThereAreNone) {
  const auto changes = runtime_changes(from_file(), from_file());
  EXPECT_TRUE(changes.commands.empty());
  EXPECT_TRUE(changes.beyond.empty());
}

TEST(RuntimeChanges, EveryKindOfEditIsMadeAgain) {
  const Spec file = from_file();
  Running running(file);
  running([](auto& r) {  // a server in another state
    auto& e = *r.mutable_edit_server();
    server_key(*e.mutable_key(), kWeb, "10.0.1.1:80");
    e.set_weight(5);
    e.set_admin("drain");
    e.set_max_connections(100);
    e.set_min_connections(50);
    e.set_backup(true);
  });
  running([](auto& r) { server_key(*r.mutable_delete_server(), kWeb, "10.0.1.2:80"); });
  running([](auto& r) {
    auto& e = *r.mutable_add_server();
    server_key(*e.mutable_key(), kWeb, "10.0.1.9:80");
    e.set_weight(3);
  });
  running([](auto& r) {  // sticky, for both families
    auto& e = *r.mutable_edit_service();
    service_key(*e.mutable_key(), kWeb);
    e.set_scheduler("sed");
    e.set_sticky_seconds(77);
    e.set_sticky_prefix_length(24);
  });
  running([](auto& r) {
    auto& e = *r.mutable_edit_service();
    service_key(*e.mutable_key(), "[2001:db8::1]:80");
    e.set_sticky_prefix_length(64);
  });
  running([](auto& r) {
    auto& e = *r.mutable_edit_service();
    e.mutable_key()->set_protocol(control::PROTOCOL_UDP);
    service_key(*e.mutable_key(), "10.0.0.100:53");
    e.set_one_shot(true);
  });
  running([](auto& r) {  // a service of pairadm's own
    auto& e = *r.mutable_add_service();
    service_key(*e.mutable_key(), "10.0.0.100:81");
    e.set_scheduler("rr");
  });
  running([](auto& r) {
    server_key(*r.mutable_add_server()->mutable_key(), "10.0.0.100:81", "10.0.1.7:80");
  });
  running([](auto& r) {
    r.mutable_set_timeouts()->set_tcp(77);
    r.mutable_set_timeouts()->set_udp(7);
  });
  const Spec wanted = running.marked(file);
  const auto changes = runtime_changes(file, wanted);
  EXPECT_TRUE(changes.beyond.empty()) << changes.beyond.front();
  const auto replayed = replay(file, changes.commands);
  EXPECT_TRUE(replayed.left_out.empty());
  EXPECT_EQ(replayed.spec, wanted);
}

TEST(RuntimeChanges, WhatWasDeletedStaysDeletedAndWhatWasMadeAnewIsPairadms) {
  const Spec file = from_file();
  Running running(file);
  running([](auto& r) {
    r.mutable_delete_service()->set_protocol(control::PROTOCOL_UDP);
    service_key(*r.mutable_delete_service(), "10.0.0.100:53");
  });
  running([](auto& r) { service_key(*r.mutable_delete_service(), kWeb); });
  running([](auto& r) { service_key(*r.mutable_add_service()->mutable_key(), kWeb); });
  const Spec wanted = running.marked(file);
  const auto changes = runtime_changes(file, wanted);
  EXPECT_TRUE(changes.beyond.empty());
  const Spec again = replay(file, changes.commands).spec;
  ASSERT_EQ(again.services.size(), 2U);
  EXPECT_EQ(again.find_service(Protocol::tcp, at(kWeb))->name, "tcp-10.0.0.100:80");
  EXPECT_EQ(again.find_service(Protocol::udp, at("10.0.0.100:53")), nullptr);
  EXPECT_EQ(again.find_pool("dns"), nullptr);
}

TEST(RuntimeChanges, ATableThatWasClearedStaysEmpty) {
  const Spec file = from_file();
  const auto changes = runtime_changes(file, Spec{});
  EXPECT_TRUE(changes.beyond.empty());
  EXPECT_TRUE(replay(file, changes.commands).spec.services.empty());
}

TEST(RuntimeChanges, WhatNoEditSaysIsNamed) {
  Spec running = from_file();
  running.pools[0].connect_timeout = 1s;
  const auto changes = runtime_changes(from_file(), running);
  EXPECT_TRUE(changes.commands.empty());
  ASSERT_EQ(changes.beyond.size(), 1U);
  EXPECT_EQ(changes.beyond[0], "pool web: connect_timeout 250ms -> 1s");
}

TEST(RuntimeChanges, AnEditWhoseServerIsGoneFromTheNewFileIsLeftOut) {
  Spec running = from_file();
  running.pools[0].servers[1].weight = 9;
  running.pools[0].scheduler = balance::Algorithm::rr;
  const auto changes = runtime_changes(from_file(), running);
  Spec next = from_file();
  next.pools[0].servers.pop_back();
  const auto replayed = replay(next, changes.commands);
  EXPECT_EQ(replayed.spec.pools[0].scheduler, balance::Algorithm::rr);
  ASSERT_EQ(replayed.left_out.size(), 1U);
  EXPECT_EQ(replayed.left_out[0], "No such destination: 10.0.1.2:80 of TCP 10.0.0.100:80");
}

}  // namespace
}  // namespace hapair::lbcore
