// A Spec and an edit in, a Spec or a refusal out.
#include "lbcore/model/edit.h"

#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace hapair::lbcore {
namespace {

Endpoint at(const std::string& text) {
  return Endpoint::parse(text).value();
}

/// The file's: services web and web6 share the pool web; db has one of its own.
Spec from_file() {
  Spec spec;
  PoolSpec web;
  web.name = "web";
  web.scheduler = balance::Algorithm::rr;
  web.sticky = {.timeout = 600s, .prefix_v4 = 24, .prefix_v6 = 64};
  web.servers = {{.name = "a", .address = at("10.0.1.11:8080"), .weight = 3},
                 {.name = "b", .address = at("10.0.1.12:8080"), .weight = 1}};
  PoolSpec db;
  db.name = "db";
  spec.pools = {web, db};
  const auto service = [](const std::string& name, const std::string& listen,
                          const std::string& pool) {
    ServiceSpec out;
    out.name = name;
    out.listen = at(listen);
    out.pool = pool;
    return out;
  };
  spec.services = {service("web", "10.0.0.100:80", "web"),
                   service("web6", "[2001:db8::100]:80", "web"),
                   service("db", "10.0.0.100:5432", "db")};
  return spec;
}

control::Request add_service(const std::string& listen) {
  control::Request request;
  request.mutable_add_service()->mutable_key()->set_listen(listen);
  return request;
}
control::Request edit_service(const std::string& listen) {
  control::Request request;
  request.mutable_edit_service()->mutable_key()->set_listen(listen);
  return request;
}
control::Request delete_service(const std::string& listen) {
  control::Request request;
  request.mutable_delete_service()->set_listen(listen);
  return request;
}
void fill(control::ServerKey& key, const std::string& listen, const std::string& address) {
  key.mutable_service()->set_listen(listen);
  key.set_address(address);
}
control::Request add_server(const std::string& listen, const std::string& address) {
  control::Request request;
  fill(*request.mutable_add_server()->mutable_key(), listen, address);
  return request;
}
control::Request edit_server(const std::string& listen, const std::string& address) {
  control::Request request;
  fill(*request.mutable_edit_server()->mutable_key(), listen, address);
  return request;
}
control::Request delete_server(const std::string& listen, const std::string& address) {
  control::Request request;
  fill(*request.mutable_delete_server(), listen, address);
  return request;
}

/// "CODE: message" of a refusal.
std::string refused(const control::Request& request, const Spec& spec = from_file()) {
  const auto result = edit(spec, request);
  if (result) return "accepted";
  return fmt::format("{}: {}", control::Code_Name(result.error().code), result.error().message);
}

Edited accepted(const control::Request& request, const Spec& spec = from_file()) {
  auto result = edit(spec, request);
  if (!result) throw std::runtime_error(result.error().message);
  return std::move(*result);
}

TEST(AddService, MakesAServiceWithAPoolOfItsOwn) {
  const auto [spec, summary, note] = accepted(add_service("192.0.2.10:80"));
  ASSERT_EQ(spec.services.size(), 4U);
  const ServiceSpec& service = spec.services.back();
  EXPECT_EQ(service.name, "tcp-192.0.2.10:80");
  EXPECT_EQ(service.pool, "tcp-192.0.2.10:80");
  EXPECT_EQ(service.listen, at("192.0.2.10:80"));
  EXPECT_TRUE(service.runtime);
  PoolSpec expected;
  expected.name = "tcp-192.0.2.10:80";
  EXPECT_EQ(spec.pools.back(), expected) << "the defaults: wlc, not sticky, TCP check";
  EXPECT_EQ(expected.scheduler, balance::Algorithm::wlc);
  EXPECT_EQ(summary, "add service TCP 192.0.2.10:80");
  EXPECT_EQ(note, "");
  Spec rest = spec;
  rest.services.pop_back();
  rest.pools.pop_back();
  EXPECT_EQ(rest, from_file()) << "nothing else changed";
}

TEST(AddService, TakesSchedulerAndStickiness) {
  auto request = add_service("192.0.2.10:80");
  request.mutable_add_service()->set_scheduler("wrr");
  request.mutable_add_service()->set_sticky_seconds(600);
  request.mutable_add_service()->set_sticky_prefix_length(24);
  const PoolSpec pool = accepted(request).spec.pools.back();
  EXPECT_EQ(pool.scheduler, balance::Algorithm::wrr);
  EXPECT_EQ(pool.sticky, (StickySpec{.timeout = 600s, .prefix_v4 = 24, .prefix_v6 = 128}));

  request.mutable_add_service()->mutable_key()->set_listen("[2001:db8::1]:80");
  request.mutable_add_service()->set_sticky_prefix_length(64);
  EXPECT_EQ(accepted(request).spec.pools.back().sticky,
            (StickySpec{.timeout = 600s, .prefix_v4 = 32, .prefix_v6 = 64}));
}

TEST(AddService, OverUdp) {
  auto request = add_service("192.0.2.10:53");
  request.mutable_add_service()->mutable_key()->set_protocol(control::PROTOCOL_UDP);
  const auto plain = accepted(request).spec;
  EXPECT_EQ(plain.services.back().name, "udp-192.0.2.10:53");
  EXPECT_EQ(plain.services.back().protocol, Protocol::udp);
  EXPECT_FALSE(plain.services.back().idle_timeout) << "it follows the default";
  EXPECT_EQ(plain.pools.back().check.kind, health::CheckKind::none)
      << "a server of datagrams need not listen on TCP";

  request.mutable_add_service()->set_one_shot(true);
  const ServiceSpec once = accepted(request).spec.services.back();
  EXPECT_TRUE(once.one_shot);
}

TEST(EditService, OneShotIsTurnedOnAndBringsItsTimeoutUnlessOneWasChosen) {
  auto request = add_service("192.0.2.10:53");
  request.mutable_add_service()->mutable_key()->set_protocol(control::PROTOCOL_UDP);
  Spec spec = accepted(request).spec;
  auto change = edit_service("192.0.2.10:53");
  change.mutable_edit_service()->mutable_key()->set_protocol(control::PROTOCOL_UDP);
  change.mutable_edit_service()->set_one_shot(true);
  EXPECT_EQ(idle_timeout(spec.services.back(), {}), 5min);
  EXPECT_EQ(idle_timeout(accepted(change, spec).spec.services.back(), {}), 5s);
  spec.services.back().idle_timeout = 30s;
  const ServiceSpec after = accepted(change, spec).spec.services.back();
  EXPECT_TRUE(after.one_shot);
  EXPECT_EQ(after.idle_timeout, 30s);
}

TEST(AddService, Refusals) {
  EXPECT_EQ(refused(add_service("10.0.0.100:80")),
            "ALREADY_EXISTS: Service already exists: TCP 10.0.0.100:80 (web)");
  // However it is written.
  EXPECT_EQ(refused(add_service("[2001:db8:0::100]:80")),
            "ALREADY_EXISTS: Service already exists: TCP [2001:db8::100]:80 (web6)");
  EXPECT_TRUE(refused(add_service("frob")).starts_with("INVALID: service: "));
  EXPECT_TRUE(refused(add_service("")).starts_with("INVALID: service: "));
  EXPECT_EQ(refused(add_service("10.0.0.100:0")),
            "INVALID: service 10.0.0.100:0: port 0 (every port) needs the kernel data path, not "
            "built yet");

  auto one_shot = add_service("192.0.2.10:53");
  one_shot.mutable_add_service()->set_one_shot(true);
  EXPECT_EQ(refused(one_shot), "INVALID: one-shot scheduling is for UDP services");

  auto scheduler = add_service("192.0.2.10:80");
  scheduler.mutable_add_service()->set_scheduler("frob");
  EXPECT_TRUE(refused(scheduler).starts_with("INVALID: ")) << refused(scheduler);
  EXPECT_NE(refused(scheduler).find("wlc"), std::string::npos) << "names the valid ones";

  auto timeout = add_service("192.0.2.10:80");
  timeout.mutable_add_service()->set_sticky_seconds(2678401);
  EXPECT_EQ(refused(timeout),
            "INVALID: persistent timeout 2678401: 1 .. 2678400 seconds, 0 turns it off");

  auto mask = add_service("192.0.2.10:80");
  mask.mutable_add_service()->set_sticky_prefix_length(24);
  EXPECT_EQ(refused(mask), "INVALID: TCP 192.0.2.10:80 is not persistent: a netmask needs -p");
  mask.mutable_add_service()->set_sticky_seconds(5);
  mask.mutable_add_service()->set_sticky_prefix_length(33);
  EXPECT_EQ(refused(mask), "INVALID: netmask: prefix length 33 is not within 1 .. 32");
  mask.mutable_add_service()->set_sticky_prefix_length(0);
  EXPECT_EQ(refused(mask), "INVALID: netmask: prefix length 0 is not within 1 .. 32");
}

TEST(AddService, NameTakenByTheFile) {
  Spec spec = from_file();
  spec.pools[1].name = "tcp-192.0.2.10:80";
  spec.services[2].pool = spec.pools[1].name;
  EXPECT_EQ(refused(add_service("192.0.2.10:80"), spec),
            "ALREADY_EXISTS: the name tcp-192.0.2.10:80 is taken by another service or pool");
  spec = from_file();
  spec.services[2].name = "tcp-192.0.2.10:80";
  EXPECT_EQ(refused(add_service("192.0.2.10:80"), spec),
            "ALREADY_EXISTS: the name tcp-192.0.2.10:80 is taken by another service or pool");
}

TEST(EditService, ChangesWhatIsNamedAndKeepsTheRest) {
  auto request = edit_service("10.0.0.100:80");
  request.mutable_edit_service()->set_scheduler("lc");
  Spec expected = from_file();
  expected.pools[0].scheduler = balance::Algorithm::lc;
  expected.services[0].runtime = true;
  expected.services[1].runtime = true;
  EXPECT_EQ(accepted(request).spec, expected);

  request = edit_service("10.0.0.100:80");
  request.mutable_edit_service()->set_sticky_seconds(60);
  EXPECT_EQ(accepted(request).spec.pools[0].sticky,
            (StickySpec{.timeout = 60s, .prefix_v4 = 24, .prefix_v6 = 64}));

  request = edit_service("[2001:db8::100]:80");
  request.mutable_edit_service()->set_sticky_prefix_length(48);
  EXPECT_EQ(accepted(request).spec.pools[0].sticky,
            (StickySpec{.timeout = 600s, .prefix_v4 = 24, .prefix_v6 = 48}));
}

TEST(EditService, ZeroTurnsStickinessOff) {
  auto request = edit_service("10.0.0.100:80");
  request.mutable_edit_service()->set_sticky_seconds(0);
  EXPECT_FALSE(accepted(request).spec.pools[0].sticky.enabled());
}

TEST(EditService, SaysWhoElseIsReached) {
  auto request = edit_service("10.0.0.100:80");
  request.mutable_edit_service()->set_scheduler("lc");
  EXPECT_EQ(accepted(request).note, "pool web is shared: the change holds for web6 as well");
  request = edit_service("10.0.0.100:5432");
  request.mutable_edit_service()->set_scheduler("lc");
  EXPECT_EQ(accepted(request).note, "");
}

TEST(EditService, Refusals) {
  EXPECT_EQ(refused(edit_service("192.0.2.10:80")),
            "NOT_FOUND: No such service: TCP 192.0.2.10:80");
  auto request = edit_service("10.0.0.100:80");
  request.mutable_edit_service()->set_scheduler("frob");
  EXPECT_TRUE(refused(request).starts_with("INVALID: "));
  request = edit_service("10.0.0.100:5432");
  request.mutable_edit_service()->set_sticky_prefix_length(24);
  EXPECT_EQ(refused(request), "INVALID: TCP 10.0.0.100:5432 is not persistent: a netmask needs -p");
}

TEST(DeleteService, TakesItsPoolWhenNobodyElseUsesIt) {
  Spec expected = from_file();
  expected.services.pop_back();
  expected.pools.pop_back();
  const Edited edited = accepted(delete_service("10.0.0.100:5432"));
  EXPECT_EQ(edited.spec, expected);
  EXPECT_EQ(edited.summary, "delete service TCP 10.0.0.100:5432");
}

TEST(DeleteService, LeavesASharedPool) {
  const Spec once = accepted(delete_service("10.0.0.100:80")).spec;
  EXPECT_NE(once.find_pool("web"), nullptr);
  const Spec twice = accepted(delete_service("[2001:db8::100]:80"), once).spec;
  EXPECT_EQ(twice.find_pool("web"), nullptr);
}

TEST(DeleteService, Refusals) {
  EXPECT_EQ(refused(delete_service("10.0.0.100:81")),
            "NOT_FOUND: No such service: TCP 10.0.0.100:81");
}

TEST(AddServer, AppendsOneWithDefaults) {
  const Edited edited = accepted(add_server("10.0.0.100:5432", "10.0.1.20:5432"));
  EXPECT_EQ(edited.spec.pools[1].servers,
            (std::vector<ServerSpec>{
                {.name = "10.0.1.20:5432", .address = at("10.0.1.20:5432"), .weight = 1}}));
  EXPECT_TRUE(edited.spec.services[2].runtime);
  EXPECT_FALSE(edited.spec.services[0].runtime);
  EXPECT_EQ(edited.summary, "add server 10.0.1.20:5432 of TCP 10.0.0.100:5432");
}

TEST(AddServer, TakesAWeightAndProxy) {
  auto request = add_server("10.0.0.100:5432", "10.0.1.20:5432");
  request.mutable_add_server()->set_weight(0);
  request.mutable_add_server()->set_forward("proxy");
  EXPECT_EQ(accepted(request).spec.pools[1].servers[0].weight, 0U);
}

TEST(AddServer, Refusals) {
  EXPECT_EQ(refused(add_server("10.0.0.100:80", "10.0.1.11:8080")),
            "ALREADY_EXISTS: Destination already exists: 10.0.1.11:8080 of TCP 10.0.0.100:80 (a)");
  EXPECT_EQ(refused(add_server("10.0.0.100:81", "10.0.1.11:8080")),
            "NOT_FOUND: Service not defined: TCP 10.0.0.100:81");
  EXPECT_TRUE(refused(add_server("10.0.0.100:80", "frob")).starts_with("INVALID: server: "));
  auto request = add_server("10.0.0.100:80", "10.0.1.13:8080");
  request.mutable_add_server()->set_weight(2147483648U);
  EXPECT_EQ(refused(request), "INVALID: weight 2147483648 is not within 0 .. 2147483647");
  for (const char* method : {"masq", "route", "tunnel"}) {
    request = add_server("10.0.0.100:80", "10.0.1.13:8080");
    request.mutable_add_server()->set_forward(method);
    EXPECT_EQ(
        refused(request),
        fmt::format("UNSUPPORTED: forwarding method {} needs the kernel data path, not built yet; "
                    "proxy is offered",
                    method));
  }
  request.mutable_add_server()->set_forward("frob");
  EXPECT_EQ(refused(request), "INVALID: forwarding method frob is unknown; proxy is offered");

  Spec spec = from_file();
  spec.pools[0].servers[0].name = "10.0.1.13:8080";
  EXPECT_EQ(refused(add_server("10.0.0.100:80", "10.0.1.13:8080"), spec),
            "ALREADY_EXISTS: the name 10.0.1.13:8080 is taken by another server of pool web");
}

TEST(EditServer, ChangesTheWeightOnly) {
  auto request = edit_server("10.0.0.100:80", "10.0.1.11:8080");
  request.mutable_edit_server()->set_weight(0);
  Spec expected = from_file();
  expected.pools[0].servers[0].weight = 0;
  expected.services[0].runtime = true;
  expected.services[1].runtime = true;
  const Edited edited = accepted(request);
  EXPECT_EQ(edited.spec, expected);
  EXPECT_EQ(edited.summary, "edit server 10.0.1.11:8080 of TCP 10.0.0.100:80: weight 3 -> 0");
  EXPECT_EQ(edited.note, "pool web is shared: the change holds for web6 as well");
}

TEST(EditServer, ChangesTheStateOnly) {
  auto request = edit_server("10.0.0.100:80", "10.0.1.11:8080");
  request.mutable_edit_server()->set_admin("drain");
  const auto edited = edit(from_file(), request);
  ASSERT_TRUE(edited) << edited.error().message;
  EXPECT_EQ(edited->spec.pools[0].servers[0].admin, ServerAdmin::drain);
  EXPECT_EQ(edited->spec.pools[0].servers[0].weight, 3U);
  EXPECT_EQ(edited->summary, "edit server 10.0.1.11:8080 of TCP 10.0.0.100:80: enabled -> drain");
  request.mutable_edit_server()->set_admin("off");
  const auto refused = edit(from_file(), request);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "unknown state 'off'; valid are enabled, drain, disabled");
}

TEST(EditServer, ProxyKeepsTheWeight) {
  auto request = edit_server("10.0.0.100:80", "10.0.1.11:8080");
  request.mutable_edit_server()->set_forward("proxy");
  EXPECT_EQ(accepted(request).spec.pools[0].servers[0].weight, 3U);
}

TEST(EditService, SchedulersOfTheKernelAreRefusedWithTheNearest) {
  auto request = edit_service("10.0.0.100:80");
  for (const char* kernel : {"lblc", "lblcr", "dh"}) {
    request.mutable_edit_service()->set_scheduler(kernel);
    const std::string message = refused(request);
    EXPECT_TRUE(message.starts_with(fmt::format("INVALID: scheduler {} is not offered", kernel)));
    EXPECT_NE(message.find("nearest is "), std::string::npos) << message;
  }
  request.mutable_edit_service()->set_scheduler("mh");
  EXPECT_EQ(accepted(request).spec.pools[0].scheduler, balance::Algorithm::mh);
}

TEST(EditServer, LimitsAndBackupChangeAloneAndAreNamed) {
  auto request = edit_server("10.0.0.100:80", "10.0.1.11:8080");
  request.mutable_edit_server()->set_max_connections(100);
  Edited edited = accepted(request);
  Spec expected = from_file();
  expected.services[0].runtime = expected.services[1].runtime = true;
  expected.pools[0].servers[0].max_connections = 100;
  EXPECT_EQ(edited.spec, expected);
  EXPECT_EQ(edited.summary,
            "edit server 10.0.1.11:8080 of TCP 10.0.0.100:80: max_connections 0 -> 100");

  request.mutable_edit_server()->clear_max_connections();
  request.mutable_edit_server()->set_min_connections(100);
  request.mutable_edit_server()->set_backup(true);
  edited = accepted(request, edited.spec);
  expected.pools[0].servers[0].min_connections = 100;
  expected.pools[0].servers[0].backup = true;
  EXPECT_EQ(edited.spec, expected);
  EXPECT_EQ(edited.summary,
            "edit server 10.0.1.11:8080 of TCP 10.0.0.100:80: min_connections 0 -> 100, now a "
            "backup");

  request.mutable_edit_server()->set_min_connections(101);
  EXPECT_EQ(refused(request, edited.spec),
            "INVALID: lower threshold 101 is above the upper threshold 100");
}

TEST(EditServer, Refusals) {
  EXPECT_EQ(refused(edit_server("10.0.0.100:80", "10.0.1.99:8080")),
            "NOT_FOUND: No such destination: 10.0.1.99:8080 of TCP 10.0.0.100:80");
  EXPECT_EQ(refused(edit_server("10.0.0.100:81", "10.0.1.11:8080")),
            "NOT_FOUND: Service not defined: TCP 10.0.0.100:81");
  auto request = edit_server("10.0.0.100:80", "10.0.1.11:8080");
  request.mutable_edit_server()->set_forward("masq");
  EXPECT_TRUE(refused(request).starts_with("UNSUPPORTED: "));
}

TEST(DeleteServer, RemovesIt) {
  Spec expected = from_file();
  expected.pools[0].servers.erase(expected.pools[0].servers.begin());
  expected.services[0].runtime = true;
  expected.services[1].runtime = true;
  EXPECT_EQ(accepted(delete_server("10.0.0.100:80", "10.0.1.11:8080")).spec, expected);
}

TEST(DeleteServer, Refusals) {
  EXPECT_EQ(refused(delete_server("10.0.0.100:80", "10.0.1.99:8080")),
            "NOT_FOUND: No such destination: 10.0.1.99:8080 of TCP 10.0.0.100:80");
  EXPECT_EQ(refused(delete_server("10.0.0.100:81", "10.0.1.11:8080")),
            "NOT_FOUND: Service not defined: TCP 10.0.0.100:81");
}

TEST(Clear, LeavesNothing) {
  control::Request request;
  request.mutable_clear();
  const Edited edited = accepted(request);
  EXPECT_EQ(edited.spec, Spec{});
  EXPECT_EQ(edited.summary, "clear: 3 services");
  EXPECT_EQ(accepted(request, Spec{}).spec, Spec{});
}

TEST(Clear, TheTimeoutsStay) {
  control::Request request;
  request.mutable_clear();
  Spec spec;
  spec.timeouts.udp = 7s;
  EXPECT_EQ(accepted(request, spec).spec, spec);
}

TEST(SetTimeouts, ChangesWhatIsNamedAndReachesServicesWithoutTheirOwn) {
  Spec spec;
  spec.services.push_back({.name = "plain"});
  spec.services.push_back({.name = "own", .idle_timeout = 30s});
  spec.services.back().relay.half_closed_timeout = 0s;
  spec.services.push_back({.name = "dns", .protocol = Protocol::udp});
  spec.services.push_back({.name = "once", .protocol = Protocol::udp, .one_shot = true});
  control::Request request;
  request.mutable_set_timeouts()->set_tcp(1200);
  request.mutable_set_timeouts()->set_udp(60);
  const Edited edited = accepted(request, spec);
  EXPECT_EQ(edited.summary, "set timeouts: tcp 1200, tcpfin 120, udp 60");
  const Timeouts& now = edited.spec.timeouts;
  EXPECT_EQ(now, (Timeouts{.tcp = 20min, .tcp_fin = 2min, .udp = 1min}));
  const auto& services = edited.spec.services;
  EXPECT_EQ(services, spec.services) << "no service is changed itself";
  EXPECT_EQ(idle_timeout(services[0], now), 20min);
  EXPECT_EQ(idle_timeout(services[1], now), 30s);
  EXPECT_EQ(idle_timeout(services[2], now), 1min);
  EXPECT_EQ(idle_timeout(services[3], now), 5s);
  EXPECT_EQ(half_closed_timeout(services[0], now), 2min);
  EXPECT_EQ(half_closed_timeout(services[1], now), 0s);
}

TEST(SetTimeouts, ZeroKeepsAndTooMuchIsRefused) {
  control::Request request;
  request.mutable_set_timeouts()->set_tcp(0);
  EXPECT_EQ(accepted(request, Spec{}).spec, Spec{});
  request.mutable_set_timeouts()->set_tcpfin(2'678'401);
  EXPECT_EQ(refused(request),
            "INVALID: timeout 2678401: 1 .. 2678400 seconds, 0 keeps what there is");
}

TEST(Edit, NothingElseIsAnEdit) {
  control::Request request;
  EXPECT_EQ(refused(request), "INVALID: not an edit");
  request.mutable_list();
  EXPECT_EQ(refused(request), "INVALID: not an edit");
  request.mutable_status();
  EXPECT_EQ(refused(request), "INVALID: not an edit");
}

}  // namespace
}  // namespace hapair::lbcore
