// The listing byte for byte: trailing blanks count, scripts cut by columns.
#include "tools/pairadm/listing.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/unit/tools/pairadm/fake_shell.h"

namespace hapair::pairadm {
namespace {

control::Service* add_service(control::Listing& listing, const std::string& listen,
                              const std::string& scheduler) {
  control::Service* service = listing.add_services();
  service->mutable_key()->set_listen(listen);
  service->set_name("tcp-" + listen);
  service->set_pool("tcp-" + listen);
  service->set_scheduler(scheduler);
  service->set_sticky_prefix_length(listen.starts_with('[') ? 128 : 32);
  return service;
}

void add_server(control::Service* service, const std::string& address, uint32_t weight,
                uint64_t active, uint64_t sessions = 0) {
  control::Server* server = service->add_servers();
  server->set_name(address);
  server->set_address(address);
  server->set_weight(weight);
  server->set_sessions(sessions);
  server->mutable_counters()->set_active(active);
}

control::Listing sample() {
  control::Listing listing;
  listing.set_version("0.1.0");
  auto* web = add_service(listing, "192.0.2.10:80", "wrr");
  web->set_sticky_seconds(600);
  web->set_sticky_prefix_length(24);
  web->set_sessions(1234);
  add_server(web, "10.0.0.2:8080", 100, 12, 7);
  add_server(web, "10.0.0.3:8080", 0, 4294967295);
  return listing;
}

std::string text(const control::Listing& listing, bool numeric = true,
                 Columns columns = Columns::plain, bool whole_table = true) {
  const Names names = fixed_names();
  return listing_text(
      listing,
      {.numeric = numeric, .columns = columns, .whole_table = whole_table, .names = names});
}

TEST(Listing, AsIpvsadmPrintsIt) {
  EXPECT_EQ(text(sample()),
            "hapair 0.1.0 (sessions=1234)\n"
            "Prot LocalAddress:Port Scheduler Flags\n"
            "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n"
            "TCP  192.0.2.10:80 wrr persistent 600 mask 255.255.255.0\n"
            "  -> 10.0.0.2:8080                Proxy   100    12         0         \n"
            "  -> 10.0.0.3:8080                Proxy   0      4294967295 0         \n");
}

TEST(Listing, StatsCountSinceZero) {
  auto listing = sample();
  listing.mutable_services(0)->mutable_servers()->DeleteSubrange(1, 1);
  for (auto* counters : {listing.mutable_services(0)->mutable_counters(),
                         listing.mutable_services(0)->mutable_servers(0)->mutable_counters()}) {
    counters->set_connections(1234);
    counters->set_packets_in(99999999);
    counters->set_packets_out(100000000);
    counters->set_bytes_in(99999999999);
    counters->set_bytes_out(1234567890123456);
  }
  listing.mutable_services(0)->mutable_zeroed()->set_connections(1000);
  EXPECT_EQ(text(listing, true, Columns::stats),
            "hapair 0.1.0 (sessions=1234)\n"
            "Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes\n"
            "  -> RemoteAddress:Port\n"
            "TCP  192.0.2.10:80                     234 99999999  100000K   99999M    1234T\n"
            "  -> 10.0.0.2:8080                    1234 99999999  100000K   99999M    1234T\n");
  const Names names = fixed_names();
  EXPECT_NE(listing_text(listing, {.numeric = true,
                                   .columns = Columns::stats,
                                   .whole_table = false,
                                   .exact = true,
                                   .names = names})
                .find(" 100000000 99999999999 1234567890123456\n"),
            std::string::npos);
}

TEST(Listing, Thresholds) {
  auto listing = sample();
  listing.mutable_services(0)->mutable_servers(0)->set_max_connections(100);
  listing.mutable_services(0)->mutable_servers(0)->set_min_connections(80);
  EXPECT_EQ(text(listing, true, Columns::thresholds, false),
            "Prot LocalAddress:Port            Uthreshold Lthreshold ActiveConn InActConn \n"
            "  -> RemoteAddress:Port\n"
            "TCP  192.0.2.10:80 wrr persistent 600 mask 255.255.255.0\n"
            "  -> 10.0.0.2:8080                100        80         12         0         \n"
            "  -> 10.0.0.3:8080                0          0          4294967295 0         \n");
}

TEST(Listing, Rates) {
  auto listing = sample();
  listing.mutable_services(0)->mutable_servers()->Clear();
  auto* rates = listing.mutable_services(0)->mutable_rates();
  rates->set_connections(12.4);
  rates->set_bytes_out(99.6);
  EXPECT_EQ(text(listing, true, Columns::rate, false),
            "Prot LocalAddress:Port                 CPS    InPPS   OutPPS    InBPS   OutBPS\n"
            "  -> RemoteAddress:Port\n"
            "TCP  192.0.2.10:80                      12        0        0        0      100\n");
}

TEST(Listing, ATakenOutServerSaysSo) {
  auto listing = sample();
  listing.mutable_services(0)->mutable_servers(0)->set_admin("enabled");
  listing.mutable_services(0)->mutable_servers(1)->set_admin("drain");
  const std::string shown = text(listing);
  EXPECT_NE(shown.find("100    12         0         \n"), std::string::npos) << shown;
  EXPECT_NE(shown.find("0      4294967295 0         drain\n"), std::string::npos) << shown;
}

TEST(Listing, EmptyTable) {
  control::Listing listing;
  listing.set_version("0.1.0");
  EXPECT_EQ(text(listing),
            "hapair 0.1.0 (sessions=0)\n"
            "Prot LocalAddress:Port Scheduler Flags\n"
            "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n");
}

TEST(Listing, OneServiceHasNoVersionLine) {
  EXPECT_TRUE(text(sample(), true, Columns::plain, false)
                  .starts_with("Prot LocalAddress:Port Scheduler Flags\n"));
}

TEST(Listing, NamesUnlessNumeric) {
  auto listing = sample();
  listing.mutable_services(0)->mutable_servers()->DeleteSubrange(1, 1);
  EXPECT_EQ(text(listing, /*numeric=*/false, Columns::plain, false),
            "Prot LocalAddress:Port Scheduler Flags\n"
            "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n"
            "TCP  www.example.org:http wrr persistent 600 mask 255.255.255.0\n"
            "  -> 10.0.0.2:8080                Proxy   100    12         0         \n");
}

TEST(Listing, Ipv6StandsInBracketsWithOrWithoutNames) {
  control::Listing listing;
  auto* service = add_service(listing, "[2001:db8::1]:80", "rr");
  service->set_sticky_seconds(360);
  service->set_sticky_prefix_length(64);
  add_server(service, "[2001:db8::2]:8080", 1, 0);
  const std::string lines =
      "  -> [2001:db8::2]:8080           Proxy   1      0          0         \n";
  EXPECT_TRUE(text(listing).ends_with("TCP  [2001:db8::1]:80 rr persistent 360 mask 64\n" + lines));
  EXPECT_TRUE(text(listing, false)
                  .ends_with("TCP  [2001:db8::1]:http rr persistent 360 mask 64\n" + lines));
}

TEST(Listing, MaskOfAWholeAddressIsNotShown) {
  control::Listing listing;
  add_service(listing, "192.0.2.10:80", "rr")->set_sticky_seconds(5);
  add_service(listing, "[2001:db8::1]:80", "rr")->set_sticky_seconds(5);
  EXPECT_TRUE(
      text(listing).ends_with("TCP  192.0.2.10:80 rr persistent 5\n"
                              "TCP  [2001:db8::1]:80 rr persistent 5\n"));
}

TEST(Listing, LongAddressesPushTheColumns) {
  control::Listing listing;
  add_server(add_service(listing, "192.0.2.10:80", "rr"),
             "[2001:db8:1111:2222:3333:4444:5555:6666]:8080", 1, 0);
  EXPECT_TRUE(text(listing).ends_with(
      "  -> [2001:db8:1111:2222:3333:4444:5555:6666]:8080 Proxy   1      0          0         \n"));
}

TEST(Listing, PersistentConn) {
  EXPECT_EQ(text(sample(), true, Columns::sessions, false),
            "Prot LocalAddress:Port            Weight    PersistConn ActiveConn InActConn \n"
            "  -> RemoteAddress:Port\n"
            "TCP  192.0.2.10:80 wrr persistent 600 mask 255.255.255.0\n"
            "  -> 10.0.0.2:8080                100       7           12         0         \n"
            "  -> 10.0.0.3:8080                0         0           4294967295 0         \n");
}

TEST(Listing, SharedPoolCountsItsSessionsOnce) {
  control::Listing listing;
  listing.set_version("0.1.0");
  for (const char* listen : {"192.0.2.10:80", "192.0.2.10:81"}) {
    auto* service = add_service(listing, listen, "rr");
    service->set_pool("web");
    service->set_sessions(10);
  }
  EXPECT_TRUE(text(listing).starts_with("hapair 0.1.0 (sessions=10)\n"));
}

TEST(Listing, SortsByProtocolThenUnsignedAddressThenPort) {
  control::Listing listing;
  add_service(listing, "[2001:db8::1]:80", "rr");
  add_service(listing, "192.0.2.10:81", "rr");
  auto* first = add_service(listing, "10.0.0.1:443", "rr");
  add_service(listing, "192.0.2.10:80", "rr");
  add_service(listing, "192.0.2.9:8080", "rr");
  add_service(listing, "10.0.0.1:9", "rr")->mutable_key()->set_protocol(control::PROTOCOL_UDP);
  add_server(first, "200.0.0.1:80", 1, 0);
  add_server(first, "9.0.0.1:8080", 1, 0);
  add_server(first, "9.0.0.1:80", 1, 0);
  sort_listing(listing);
  EXPECT_TRUE(text(listing).ends_with(
      "TCP  10.0.0.1:443 rr\n"
      "  -> 9.0.0.1:80                   Proxy   1      0          0         \n"
      "  -> 9.0.0.1:8080                 Proxy   1      0          0         \n"
      "  -> 200.0.0.1:80                 Proxy   1      0          0         \n"
      "TCP  192.0.2.9:8080 rr\n"
      "TCP  192.0.2.10:80 rr\n"
      "TCP  192.0.2.10:81 rr\n"
      "TCP  [2001:db8::1]:80 rr\n"
      "UDP  10.0.0.1:9 rr\n"));
}

TEST(Listing, Latency) {
  auto listing = sample();
  auto* service = listing.mutable_services(0);
  service->mutable_servers()->DeleteSubrange(1, 1);
  auto& connect = *service->mutable_latency()->mutable_connect();
  connect.set_count(1200);
  connect.set_p50_us(210);
  connect.set_p90_us(999.7);
  connect.set_p99_us(1'250.4);
  connect.set_p999_us(3'000'000'000);
  auto& duration = *service->mutable_servers(0)->mutable_latency()->mutable_duration();
  duration.set_count(1);
  duration.set_p50_us(30'100'000);
  EXPECT_EQ(text(listing, true, Columns::latency, false),
            "Prot LocalAddress:Port            Time            Count      p50      p90      p99"
            "    p99.9\n"
            "  -> RemoteAddress:Port\n"
            "TCP  192.0.2.10:80                connect          1200    210us      1ms   1.25ms"
            "      50m\n"
            "                                  first-byte          0        -        -        -"
            "        -\n"
            "                                  duration            0        -        -        -"
            "        -\n"
            "  -> 10.0.0.2:8080                connect             0        -        -        -"
            "        -\n"
            "                                  first-byte          0        -        -        -"
            "        -\n"
            "                                  duration            1    30.1s      0us      0us"
            "      0us\n");
  EXPECT_EQ(service_json(*service)["latency_us"]["connect"].dump(),
            R"({"count":1200,"p50":210,"p90":1000,"p99":1250,"p99.9":3000000000})");
}

TEST(Listing, Json) {
  auto listing = sample();
  auto* service = listing.mutable_services(0);
  service->set_runtime(true);
  service->mutable_servers()->DeleteSubrange(1, 1);
  auto* server = service->mutable_servers(0);
  server->set_up(true);
  server->set_check("L7OK 200 in \"0.8\"ms");
  server->set_check_age_ms(800);
  (*service->mutable_refused())["max_rate"] = 5;
  service->set_idle_timeouts(3);
  service->set_half_closed_timeouts(2);
  EXPECT_EQ(listing_json(listing), R"({
  "version": "0.1.0",
  "services": [
    {
      "protocol": "tcp",
      "listen": "192.0.2.10:80",
      "name": "tcp-192.0.2.10:80",
      "pool": "tcp-192.0.2.10:80",
      "scheduler": "wrr",
      "persistent_seconds": 600,
      "persistent_prefix_length": 24,
      "one_shot": false,
      "idle_timeout_ms": 0,
      "runtime": true,
      "trouble": "",
      "all_down": "",
      "sessions": 1234,
      "counters": {
        "connections": 0,
        "active": 0,
        "bytes_in": 0,
        "bytes_out": 0,
        "failed": 0,
        "packets_in": 0,
        "packets_out": 0
      },
      "servers": [
        {
          "name": "10.0.0.2:8080",
          "address": "10.0.0.2:8080",
          "forward": "proxy",
          "weight": 100,
          "up": true,
          "in_state_ms": 0,
          "check": "L7OK 200 in \"0.8\"ms",
          "check_age_ms": 800,
          "ejected": "",
          "ejected_ms": 0,
          "sessions": 7,
          "counters": {
            "connections": 0,
            "active": 12,
            "bytes_in": 0,
            "bytes_out": 0,
            "failed": 0,
            "packets_in": 0,
            "packets_out": 0
          },
          "state": "enabled",
          "rates": null,
          "max_connections": 0,
          "min_connections": 0,
          "backup": false,
          "full": false,
          "latency_us": null
        }
      ],
      "refused": {
        "max_rate": 5
      },
      "idle_timeouts": 3,
      "half_closed_timeouts": 2,
      "queued": 0,
      "rates": null,
      "latency_us": null
    }
  ],
  "timeouts": null
}
)");
}

}  // namespace
}  // namespace hapair::pairadm
