// The runtime changes of a pair: from a file and what runs to records, and back, also onto another
// file.
#include "lbcore/model/runtime_records.h"

#include <functional>
#include <random>

#include <gtest/gtest.h>

#include "lbcore/model/edit.h"
#include "lbcore/model/reload.h"
#include "lbcore/model/spec_diff.h"
#include "tests/unit/lbcore/model/specs.h"

namespace hapair::lbcore {
namespace {

using test::at;

constexpr const char* kWeb = "10.0.0.100:80";

Spec from_file() {
  Spec spec = test::web();
  spec.pools[0].check.path = "/health";
  spec.pools[0].sticky.timeout = 1500ms;
  spec.pools.push_back({.name = "dns", .servers = {test::server("n", "10.0.2.1:53")}});
  spec.services.push_back(
      {.name = "dns", .protocol = Protocol::udp, .listen = at("10.0.0.100:53"), .pool = "dns"});
  return spec;
}

using Fill = std::function<void(control::Request&)>;

Spec after(const Spec& file, Spec spec, const Fill& fill) {
  control::Request request;
  fill(request);
  auto edited = edit(spec, request);
  EXPECT_TRUE(edited) << (edited ? "" : edited.error().message);
  if (edited) spec = std::move(edited->spec);
  mark_runtime(file, spec);
  return spec;
}

Fill weight(const std::string& address, uint32_t value) {
  return [=](control::Request& request) {
    auto& edit = *request.mutable_edit_server();
    edit.mutable_key()->mutable_service()->set_listen(kWeb);
    edit.mutable_key()->set_address(address);
    edit.set_weight(value);
  };
}
Fill add_server(const std::string& listen, const std::string& address) {
  return [=](control::Request& request) {
    auto& key = *request.mutable_add_server()->mutable_key();
    key.mutable_service()->set_listen(listen);
    key.set_address(address);
  };
}
Fill delete_server(const std::string& address) {
  return [=](control::Request& request) {
    request.mutable_delete_server()->mutable_service()->set_listen(kWeb);
    request.mutable_delete_server()->set_address(address);
  };
}
Fill add_service(const std::string& listen) {
  return [=](control::Request& request) {
    request.mutable_add_service()->mutable_key()->set_listen(listen);
  };
}
Fill delete_service(const std::string& listen) {
  return [=](control::Request& request) { request.mutable_delete_service()->set_listen(listen); };
}

uint32_t weight_of(const Spec& spec, const std::string& address) {
  const ServerSpec* server = spec.pools[0].find_server(at(address));
  return server == nullptr ? 0 : server->weight;
}

/// What another node with the same file makes of our records.
Spec elsewhere(const RuntimeRecords& records, const Spec& file) {
  RuntimeRecords theirs;
  for (const auto& record : records.all()) EXPECT_TRUE(theirs.merge(record, false));
  EXPECT_EQ(theirs.digest(), records.digest());
  return theirs.spec(file);
}

TEST(RuntimeRecords, WithoutAChangeThereAreNoneAndTheFileRuns) {
  RuntimeRecords records;
  EXPECT_TRUE(records.note(from_file(), from_file()).empty());
  EXPECT_EQ(records.size(), 0U);
  EXPECT_EQ(records.spec(from_file()), from_file());
}

TEST(RuntimeRecords, WhatPairadmCanDoRunsOnTheOtherNodeAsWell) {
  const Spec file = from_file();
  const std::vector<Fill> all{
      weight("10.0.1.1:80", 7),
      [](auto& r) {
        auto& e = *r.mutable_edit_server();
        e.mutable_key()->mutable_service()->set_listen(kWeb);
        e.mutable_key()->set_address("10.0.1.2:80");
        e.set_admin("drain");
        e.set_max_connections(9);
        e.set_min_connections(4);
        e.set_backup(true);
      },
      add_server(kWeb, "10.0.1.9:80"),
      add_server(kWeb, "10.0.1.10:80"),
      delete_server("10.0.1.1:80"),
      [](auto& r) {
        auto& e = *r.mutable_edit_service();
        e.mutable_key()->set_listen(kWeb);
        e.set_scheduler("sed");
        e.set_sticky_seconds(77);
        e.set_sticky_prefix_length(24);
      },
      [](auto& r) { r.mutable_set_timeouts()->set_tcp(33); },
      add_service("10.0.0.100:8000"),
      add_server("10.0.0.100:8000", "10.0.1.1:8000"),
      [](auto& r) {
        auto& e = *r.mutable_add_service();
        e.mutable_key()->set_protocol(control::PROTOCOL_UDP);
        e.mutable_key()->set_listen("10.0.0.100:5000");
        e.set_one_shot(true);
      },
      add_server(kWeb, "10.0.1.8:80"),
      delete_service("10.0.0.100:8000"),
      delete_service(kWeb),
      add_service(kWeb),  // of another name and with a pool of its own
      [](auto& r) { r.mutable_clear(); },
  };
  RuntimeRecords records;
  Spec running = file;
  for (const Fill& fill : all) {
    running = after(file, running, fill);
    EXPECT_FALSE(records.note(file, running).empty());
    EXPECT_TRUE(records.note(file, running).empty()) << "noted already";
    // A service that was deleted and made anew stands elsewhere in the list: nobody minds.
    const SpecDiff differences = diff(elsewhere(records, file), running);
    EXPECT_TRUE(differences.empty()) << differences.lines.front();
  }
}

TEST(RuntimeRecords, AChangeThatIsTakenBackIsOverOnBothNodes) {
  const Spec file = from_file();
  RuntimeRecords records;
  const Spec changed = after(file, file, weight("10.0.1.1:80", 7));
  const auto first = records.note(file, changed);
  ASSERT_EQ(first.size(), 1U);
  RuntimeRecords theirs;
  theirs.merge(first[0], false);
  const auto second = records.note(file, file);
  ASSERT_EQ(second.size(), 1U);
  EXPECT_EQ(second[0].version(), first[0].version() + 1);
  EXPECT_TRUE(theirs.merge(second[0], true));
  EXPECT_FALSE(theirs.merge(first[0], false)) << "older";
  EXPECT_EQ(theirs.spec(file), file);
  EXPECT_EQ(theirs.digest(), records.digest());
}

TEST(RuntimeRecords, WhatTheFileSaysAnewWinsAndTheRestStays) {
  const Spec file = from_file();
  Spec running = after(file, file, weight("10.0.1.1:80", 7));
  running = after(file, running, weight("10.0.1.2:80", 8));
  running = after(file, running, [](auto& r) {
    r.mutable_delete_service()->set_protocol(control::PROTOCOL_UDP);
    r.mutable_delete_service()->set_listen("10.0.0.100:53");
  });
  running = after(file, running, add_service("10.0.0.100:8000"));
  RuntimeRecords records;
  records.note(file, running);

  Spec next = file;
  next.pools[0].servers[0].weight = 3;
  next.pools[0].servers[1].max_connections = 50;
  next.pools[0].check.path = "/other";
  EXPECT_EQ(records.spec(next), merge_reload(file, next, running));
  EXPECT_EQ(weight_of(records.spec(next), "10.0.1.1:80"), 3U);
  EXPECT_EQ(weight_of(records.spec(next), "10.0.1.2:80"), 8U);
  EXPECT_EQ(records.spec(next).pools[0].check.path, "/other");
  EXPECT_EQ(records.spec(next).find_service(Protocol::udp, at("10.0.0.100:53")), nullptr);

  next.pools[0].servers.erase(next.pools[0].servers.begin() + 1);
  next.services.push_back({.name = "x", .listen = at("10.0.0.100:8000"), .pool = "web"});
  const Spec merged = records.spec(next);
  EXPECT_EQ(merged.pools[0].find_server(at("10.0.1.2:80")), nullptr);
  EXPECT_EQ(merged.find_service(Protocol::tcp, at("10.0.0.100:8000"))->pool, "web");
  EXPECT_TRUE(validate(merged));
}

TEST(RuntimeRecords, AfterASplitTheHigherVersionWinsThenTheActives) {
  const Spec file = from_file();
  RuntimeRecords active;
  RuntimeRecords backup;
  Spec one = after(file, file, weight("10.0.1.1:80", 7));
  one = after(file, one, weight("10.0.1.2:80", 7));
  active.note(file, one);
  Spec two = after(file, file, weight("10.0.1.1:80", 1));
  two = after(file, two, weight("10.0.1.2:80", 8));
  backup.note(file, two);
  backup.note(file, two = after(file, two, weight("10.0.1.2:80", 9)));
  backup.note(file, two = after(file, two, add_server(kWeb, "10.0.1.9:80")));

  const auto ours = active.all();
  for (const auto& record : backup.all()) active.merge(record, true);
  for (const auto& record : ours) backup.merge(record, false);
  EXPECT_EQ(active.digest(), backup.digest());
  EXPECT_EQ(active.spec(file), backup.spec(file));
  EXPECT_EQ(weight_of(active.spec(file), "10.0.1.1:80"), 7U) << "only the Active had changed it";
  EXPECT_EQ(weight_of(active.spec(file), "10.0.1.2:80"), 9U) << "changed twice";
  EXPECT_NE(active.spec(file).pools[0].find_server(at("10.0.1.9:80")), nullptr);

  RuntimeRecords third;
  RuntimeRecords fourth;
  third.note(file, after(file, file, weight("10.0.1.1:80", 3)));
  fourth.note(file, after(file, file, weight("10.0.1.1:80", 4)));
  EXPECT_FALSE(third.merge(fourth.all()[0], true));
  EXPECT_TRUE(fourth.merge(third.all()[0], false));
  EXPECT_EQ(weight_of(fourth.spec(file), "10.0.1.1:80"), 3U);
}

TEST(RuntimeRecords, RecordsThatMakeNoSenseHaveNoEffect) {
  const Spec file = from_file();
  RuntimeRecords records;
  RuntimeRecord record;
  record.set_version(1);
  EXPECT_FALSE(records.merge(record, false)) << "about nothing";
  record.mutable_server()->set_pool("web");
  record.mutable_server()->set_address("somewhere");
  EXPECT_FALSE(records.merge(record, false));
  record.mutable_server()->set_address("10.0.1.1:80");
  record.mutable_server()->set_pool("we\nb");
  EXPECT_FALSE(records.merge(record, false));
  record.mutable_server()->set_pool("web");
  auto& now = *record.mutable_server()->mutable_now();
  now.set_name("a");
  now.set_admin("asleep");  // of a version to come
  record.set_version(~uint64_t{0});
  EXPECT_FALSE(records.merge(record, false));
  record.set_version(2);
  EXPECT_TRUE(records.merge(record, false));
  EXPECT_EQ(records.spec(file), file);
  RuntimeRecord pool;
  pool.set_version(1);
  pool.mutable_pool()->set_name("p");
  pool.mutable_pool()->mutable_now()->set_scheduler("frob");
  EXPECT_TRUE(records.merge(pool, false));
  EXPECT_EQ(records.spec(file), file);
}

TEST(RuntimeRecords, TooManyAreRefusedAndNothingIsNoted) {
  const Spec file = from_file();
  Spec running = file;
  for (uint32_t i = 0; i <= RuntimeRecords::kMost; ++i) {
    const std::string address = fmt::format("10.9.{}.{}:80", i / 256, i % 256);
    running.pools[0].servers.push_back(test::server(address, address));
  }
  RuntimeRecords records;
  EXPECT_FALSE(records.fits(file, running));
  EXPECT_TRUE(records.note(file, running).empty());
  EXPECT_EQ(records.size(), 0U);
  running.pools[0].servers.resize(100);
  EXPECT_TRUE(records.fits(file, running));
  EXPECT_FALSE(records.note(file, running).empty());
}

/// Any edits on two nodes that do not hear each other, in any order: afterwards both run the same.
TEST(RuntimeRecords, AnySplitHealsToTheSameOnBothNodes) {
  const Spec file = from_file();
  for (uint32_t seed = 1; seed <= 300; ++seed) {
    std::mt19937 random(seed);
    const auto edited = [&](Spec spec, RuntimeRecords& records) {
      for (int i = 0; i < 6; ++i) {
        const std::string address = fmt::format("10.0.1.{}:80", 1 + random() % 4);
        const std::string listen = fmt::format("10.0.0.100:{}", 80 + random() % 3);
        const Fill fills[] = {
            weight(address, random() % 5), add_server(listen, address),
            delete_server(address),        add_service(listen),
            delete_service(listen),        [](auto& r) { r.mutable_clear(); },
        };
        control::Request request;
        fills[random() % std::size(fills)](request);
        if (auto done = edit(spec, request)) spec = std::move(done->spec);
        mark_runtime(file, spec);
        records.note(file, spec);
      }
    };
    RuntimeRecords one;
    RuntimeRecords two;
    edited(file, one);
    for (const auto& record : one.all()) two.merge(record, false);
    edited(one.spec(file), one);
    edited(two.spec(file), two);
    const auto ours = one.all();
    for (const auto& record : two.all()) one.merge(record, true);
    for (const auto& record : ours) two.merge(record, false);
    ASSERT_EQ(one.digest(), two.digest()) << "seed " << seed;
    const Spec merged = one.spec(file);
    ASSERT_EQ(merged, two.spec(file)) << "seed " << seed;
    const auto valid = validate(merged);
    ASSERT_TRUE(valid) << "seed " << seed << ": " << valid.error().message;
  }
}

}  // namespace
}  // namespace hapair::lbcore
