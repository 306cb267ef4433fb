// Every line that an operator may read about lbcore's part of hapair.conf.
#include "lbcore/config.h"

#include <gmock/gmock.h>

#include "tests/support/files.h"
#include "tests/unit/lbcore/model/specs.h"

namespace hapair::lbcore {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ConfigTest : public ::testing::Test {
 protected:
  Result<Loaded> load(const std::string& text, const std::string& node = "lb1") {
    hapair::test::write_file(path, text);
    return load_config(path, node);
  }
  /// The error with the path taken out.
  std::string error_of(const std::string& text) {
    const auto loaded = load(text);
    if (loaded) return "no error";
    std::string message = loaded.error().message;
    for (size_t at = 0; (at = message.find(path)) != std::string::npos;) {
      message.replace(at, path.size(), "FILE");
    }
    return message;
  }

  hapair::test::TempDir dir;
  std::string path = dir / "hapair.conf";
};

TEST_F(ConfigTest, AWholeFile) {
  const auto loaded = load(
      "[pair]\n"
      "address@lb1 = 10.255.0.1:7400\n"
      "address@lb2 = 10.255.0.2:7400\n"
      "[vrrp main]\n"
      "whatever = vrrpd reads this\n"
      "[lbcore]\n"
      "workers = 3\n"
      "serving_lease = 200ms\n"
      "drain_timeout = 1m\n"
      "max_sessions = 5000\n"
      "[service web]\n"
      "listen = tcp 10.0.0.100:80\n"
      "pool = web\n"
      "[pool web]\n"
      "scheduler = wrr\n"
      "sticky = source/24 10m\n"
      "check = http GET /health expect 200-399 interval 5s\n"
      "connect_timeout = 500ms\n"
      "slow_start = 30s\n"
      "[server web/b]\n"
      "address = 10.0.1.12:8080\n"
      "[server web/a]\n"
      "address = 10.0.1.11:8080\n"
      "weight@lb1 = 3\n"
      "weight@lb2 = 4\n"
      "max_connections = 100\n"
      "min_connections = 90\n"
      "backup = yes\n");
  ASSERT_TRUE(loaded) << loaded.error().message;
  const Settings& settings = loaded->settings;
  EXPECT_EQ(settings.node, "lb1");
  EXPECT_EQ(settings.workers, 3U);
  EXPECT_EQ(settings.serving_lease, 200ms);
  EXPECT_EQ(settings.drain_timeout, 1min);
  EXPECT_EQ(settings.max_sessions, 5000U);
  ASSERT_TRUE(settings.pair);
  EXPECT_EQ(settings.pair->peer, "lb2");
  ASSERT_EQ(loaded->spec.services.size(), 1U);
  EXPECT_EQ(loaded->spec.services[0].listen, test::at("10.0.0.100:80"));
  ASSERT_EQ(loaded->spec.pools.size(), 1U);
  const PoolSpec& pool = loaded->spec.pools[0];
  EXPECT_EQ(pool.scheduler, balance::Algorithm::wrr);
  EXPECT_EQ(pool.sticky, (StickySpec{.timeout = 10min, .prefix_v4 = 24}));
  EXPECT_EQ(pool.check.path, "/health");
  EXPECT_EQ(pool.check.interval, 5s);
  EXPECT_EQ(pool.connect_timeout, 500ms);
  EXPECT_EQ(pool.slow_start, 30s);
  ServerSpec a = test::server("a", "10.0.1.11:8080", 3);
  a.max_connections = 100;
  a.min_connections = 90;
  a.backup = true;
  EXPECT_THAT(pool.servers, ElementsAre(test::server("b", "10.0.1.12:8080"), a));
  EXPECT_TRUE(validate(loaded->spec));
  EXPECT_THAT(loaded->warnings, IsEmpty());
}

TEST_F(ConfigTest, HowConnectionsAreRelayed) {
  const auto loaded = load(
      "[pool web]\nproxy_protocol = v2\nretries = 0\n"
      "[service web]\nlisten = tcp 10.0.0.100:80\npool = web\n"
      "half_closed_timeout = 0\n"
      "proxy_from = 10.0.0.0/8, 2001:db8::/32\nproxy_header_timeout = 500ms\n"
      "max_connections = 1\nmax_rate = 2\nsource_max_connections = 3\nsource_max_rate = 4\n"
      "[service more]\nlisten = tcp 10.0.0.100:81\npool = web\n");
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->spec.pools[0].relay,
            (PoolRelay{.proxy_protocol = ProxyProtocol::v2, .retries = 0}));
  EXPECT_EQ(loaded->spec.services[0].relay,
            (ServiceRelay{.proxy_from = {Prefix::parse("10.0.0.0/8").value(),
                                         Prefix::parse("2001:db8::/32").value()},
                          .proxy_header_timeout = 500ms,
                          .half_closed_timeout = 0s,
                          .max_connections = 1,
                          .max_rate = 2,
                          .source_max_connections = 3,
                          .source_max_rate = 4}));
  EXPECT_EQ(loaded->spec.services[1].relay, ServiceRelay{}) << "the defaults are the same in both";
}

TEST_F(ConfigTest, StatesOfServersAndTheSessionsOfThoseThatAreDown) {
  const auto loaded = load(
      "[pool web]\n"
      "on_down = keep\n"
      "[server web/a]\n"
      "address = 10.0.1.11:8080\n"
      "state = drain\n"
      "[server web/b]\n"
      "address = 10.0.1.12:8080\n"
      "state = disabled\n"
      "[server web/c]\n"
      "address = 10.0.1.13:8080\n");
  ASSERT_TRUE(loaded) << loaded.error().message;
  const PoolSpec& pool = loaded->spec.pools[0];
  EXPECT_EQ(pool.on_down, OnDown::keep);
  EXPECT_EQ(pool.servers[0].admin, ServerAdmin::drain);
  EXPECT_EQ(pool.servers[1].admin, ServerAdmin::disabled);
  EXPECT_EQ(pool.servers[2].admin, ServerAdmin::enabled);
}

TEST_F(ConfigTest, DefaultsOfAnEmptyFile) {
  const auto loaded = load("");
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->settings.workers, available_processors());
  EXPECT_EQ(loaded->settings.serving_lease, 500ms);
  EXPECT_FALSE(loaded->settings.pair);
  EXPECT_EQ(loaded->spec, Spec{});
}

TEST_F(ConfigTest, DefaultTimeouts) {
  const auto loaded = load("[lbcore]\ntcp_timeout = 1h\ntcp_fin_timeout = 30s\nudp_timeout = 1m\n");
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->spec.timeouts, (Timeouts{.tcp = 1h, .tcp_fin = 30s, .udp = 1min}));
  EXPECT_EQ(load("[lbcore]\nudp_timeout = 1500ms\n").error().message,
            path + ":2: [lbcore]: udp_timeout: must be whole seconds, as pairadm --set has them");
}

TEST_F(ConfigTest, AutoMeansOneWorkerPerProcessor) {
  EXPECT_EQ(load("[lbcore]\nworkers = auto\n")->settings.workers, available_processors());
}

TEST_F(ConfigTest, APoolWithoutServersIsAWarning) {
  const auto loaded = load("\n[pool web]\n");
  ASSERT_TRUE(loaded);
  EXPECT_THAT(
      loaded->warnings,
      ElementsAre(path + ":2: [pool web]: has no servers: connections to it will be refused"));
}

TEST_F(ConfigTest, AUdpService) {
  const auto loaded = load(
      "[pool dns]\ncheck = none\n[server dns/a]\naddress = 10.0.1.1:53\n"
      "[service dns]\nlisten = udp 10.0.0.100:53\npool = dns\n"
      "[service once]\nlisten = udp [2001:db8::100]:53\npool = dns\none_shot = yes\n"
      "[service tcp]\nlisten = tcp 10.0.0.100:53\npool = dns\n"
      "[service quic]\nlisten = udp 10.0.0.100:443\npool = dns\nidle_timeout = 30s\n");
  ASSERT_TRUE(loaded) << loaded.error().message;
  const auto& services = loaded->spec.services;
  EXPECT_EQ(services[0].protocol, Protocol::udp);
  EXPECT_EQ(services[0].idle_timeout, std::nullopt);
  EXPECT_FALSE(services[0].one_shot);
  EXPECT_TRUE(services[1].one_shot);
  EXPECT_EQ(services[1].idle_timeout, std::nullopt);
  EXPECT_EQ(services[3].idle_timeout, 30s);
  EXPECT_THAT(loaded->warnings, ElementsAre());
}

TEST_F(ConfigTest, APoolThatServesUdpOnlyIsNotCheckedOverTcpUnlessAskedTo) {
  const auto kind = [&](const std::string& check, const std::string& protocol) {
    const auto loaded = load("[pool dns]\n" + check +
                             "[server dns/a]\naddress = 10.0.1.1:53\n"
                             "[service a]\nlisten = udp 10.0.0.100:53\npool = dns\n"
                             "[service b]\nlisten = " +
                             protocol + " 10.0.0.101:53\npool = dns\n");
    EXPECT_TRUE(loaded);
    EXPECT_EQ(loaded->warnings.size(), check.empty() && protocol == "udp" ? 1U : 0U);
    return loaded->spec.pools[0].check.kind;
  };
  EXPECT_EQ(kind("", "udp"), health::CheckKind::none);
  EXPECT_EQ(kind("", "tcp"), health::CheckKind::tcp);
  EXPECT_EQ(kind("check = tcp\n", "udp"), health::CheckKind::tcp);
}

TEST_F(ConfigTest, MistakesOfUdpServices) {
  const std::string pool = "[pool dns]\ncheck = none\n[server dns/a]\naddress = 10.0.1.1:53\n";
  EXPECT_EQ(error_of(pool + "[service dns]\nlisten = udp 0.0.0.0:53\npool = dns\n"),
            "FILE:6: [service dns]: listen: udp needs an address: answers leave from the one that "
            "was asked");
  EXPECT_EQ(error_of(pool + "[service dns]\nlisten = udp [fe80::1]:53\npool = dns\n"),
            "FILE:6: [service dns]: listen: fe80::1 is link-local and means nothing without an "
            "interface; use another address");
  EXPECT_EQ(
      error_of(pool + "[service dns]\nlisten = tcp 10.0.0.100:53\npool = dns\none_shot = yes\n"),
      "FILE:8: [service dns]: one_shot: is for udp services");
  EXPECT_EQ(error_of("[pool dns]\ncheck = none\n[server dns/a]\naddress = [fe80::2]:53\n"),
            "FILE:4: [server dns/a]: address: fe80::2 is link-local and means nothing without an "
            "interface; use another address");
}

TEST_F(ConfigTest, KeysForStreamsAreRefusedAtUdpServices) {
  const std::string pool = "[pool dns]\ncheck = none\n[server dns/a]\naddress = 10.0.0.1:53\n";
  const std::string udp = pool + "[service dns]\nlisten = udp 10.0.0.100:53\npool = dns\n";
  EXPECT_EQ(error_of(udp + "proxy_from = 10.0.0.0/8\nhalf_closed_timeout = 1m\n"
                           "proxy_header_timeout = 1s\n"),
            "FILE:8: [service dns]: proxy_from: is for tcp services\n"
            "FILE:10: [service dns]: proxy_header_timeout: is for tcp services\n"
            "FILE:9: [service dns]: half_closed_timeout: is for tcp services");
  EXPECT_EQ(error_of(udp + "max_connections = 10\nmax_rate = 5\nsource_max_rate = 1\n"),
            "no error");
  EXPECT_EQ(error_of(udp + "one_shot = yes\nmax_rate = 5\n"),
            "FILE:9: [service dns]: max_rate: is not for one_shot, which has no connections");
}

TEST_F(ConfigTest, KeysForStreamsAreRefusedAtPoolsThatServeUdpOnly) {
  const std::string pool =
      "[pool dns]\ncheck = none\nproxy_protocol = v2\nconnect_timeout = 1s\nqueue_size = 5\n"
      "[server dns/a]\naddress = 10.0.0.1:53\n";
  const std::string udp = "[service dns]\nlisten = udp 10.0.0.100:53\npool = dns\n";
  EXPECT_EQ(
      error_of(pool + udp),
      "FILE:4: [pool dns]: connect_timeout: is for tcp, and only udp services have this pool\n"
      "FILE:3: [pool dns]: proxy_protocol: is for tcp, and only udp services have this pool\n"
      "FILE:5: [pool dns]: queue_size: is for tcp, and only udp services have this pool");
  EXPECT_EQ(error_of(pool + udp + "[service tcp]\nlisten = tcp 10.0.0.100:53\npool = dns\n"),
            "no error");
}

TEST_F(ConfigTest, ACommandThatCannotRunIsAMistake) {
  EXPECT_EQ(error_of("[pool web]\ncheck = exec /nonexistent/check\n"),
            "FILE:2: [pool web]: check: exec /nonexistent/check: No such file or directory");
}

TEST_F(ConfigTest, EveryMistakeOfAFileIsListed) {
  EXPECT_EQ(error_of("[pool web]\n"
                     "sticky = sometimes\n"
                     "[service web]\n"
                     "listen = http 10.0.0.100:80\n"
                     "pool = wep\n"),
            "FILE:2: [pool web]: sticky: 'sometimes' is not known; valid: none, or source/PREFIX "
            "TIMEOUT as in source/32 10m\n"
            "FILE:5: [service web]: pool: there is no [pool wep]\n"
            "FILE:4: [service web]: listen: http is not offered yet: tcp and udp are");
}

struct Mistake {
  const char* name;
  const char* text;
  const char* error;
};

class ConfigMistake : public ConfigTest, public ::testing::WithParamInterface<Mistake> {};

TEST_P(ConfigMistake, IsNamedWithItsLine) {
  EXPECT_EQ(error_of(GetParam().text), GetParam().error);
}

INSTANTIATE_TEST_SUITE_P(
    All, ConfigMistake,
    ::testing::Values(
        Mistake{"workers_word", "[lbcore]\nworkers = many\n",
                "FILE:2: [lbcore]: workers: 'many' is not valid, valid are auto and 1 to 256"},
        Mistake{"workers_none", "[lbcore]\nworkers = 0\n",
                "FILE:2: [lbcore]: workers: '0' is not valid, valid are auto and 1 to 256"},
        Mistake{"workers_too_many", "[lbcore]\nworkers = 257\n",
                "FILE:2: [lbcore]: workers: '257' is not valid, valid are auto and 1 to 256"},
        Mistake{"lease_short", "[lbcore]\nserving_lease = 10ms\n",
                "FILE:2: [lbcore]: serving_lease: 10ms is out of range; valid: 50ms to 10s"},
        Mistake{"sessions", "[lbcore]\nmax_sessions = 0\n",
                "FILE:2: [lbcore]: max_sessions: 0 is out of range; valid: 1 to 16777216"},
        Mistake{"http", "[pool p]\n[service web]\nlisten = http 10.0.0.1:80\npool = p\n",
                "FILE:3: [service web]: listen: http is not offered yet: tcp and udp are"},
        Mistake{"https", "[pool p]\n[service web]\nlisten = https 10.0.0.1:80\npool = p\n",
                "FILE:3: [service web]: listen: https is not offered yet: tcp and udp are"},
        Mistake{"tls", "[pool p]\n[service web]\nlisten = tls 10.0.0.1:80\npool = p\n",
                "FILE:3: [service web]: listen: tls is not offered yet: tcp and udp are"},
        Mistake{"protocol", "[pool p]\n[service web]\nlisten = sctp 10.0.0.1:80\npool = p\n",
                "FILE:3: [service web]: listen: 'sctp 10.0.0.1:80' is not valid, valid are tcp "
                "ADDRESS:PORT and udp ADDRESS:PORT"},
        Mistake{"no_protocol", "[pool p]\n[service web]\nlisten = 10.0.0.1:80\npool = p\n",
                "FILE:3: [service web]: listen: '10.0.0.1:80' is not valid, valid are tcp "
                "ADDRESS:PORT and udp ADDRESS:PORT"},
        Mistake{"only_protocol", "[pool p]\n[service web]\nlisten = tcp\npool = p\n",
                "FILE:3: [service web]: listen: 'tcp' is not valid, valid are tcp "
                "ADDRESS:PORT and udp ADDRESS:PORT"},
        Mistake{"listen_port", "[pool p]\n[service web]\nlisten = tcp 10.0.0.1:0\npool = p\n",
                "FILE:3: [service web]: listen: the port must be 1 to 65535"},
        Mistake{"listen_twice",
                "[pool p]\n[service a]\nlisten = tcp 10.0.0.1:80\npool = p\n"
                "[service b]\nlisten = tcp 10.0.0.1:80\npool = p\n",
                "FILE:6: [service b]: listen: tcp 10.0.0.1:80 belongs to [service a] already"},
        Mistake{"unknown_pool", "[service web]\nlisten = tcp 10.0.0.1:80\npool = p\n",
                "FILE:3: [service web]: pool: there is no [pool p]"},
        Mistake{"server_without_pool", "[server web/a]\naddress = 10.0.0.1:80\n",
                "FILE:1: [server web/a]: there is no [pool web]"},
        Mistake{"server_name", "[pool web]\n[server web]\naddress = 10.0.0.1:80\n",
                "FILE:2: [server web]: 'web' is not a name of a server, valid is POOL/NAME"},
        Mistake{"server_half_name", "[pool web]\n[server web/]\naddress = 10.0.0.1:80\n",
                "FILE:2: [server web/]: 'web/' is not a name of a server, valid is POOL/NAME"},
        Mistake{"server_port", "[pool web]\n[server web/a]\naddress = 10.0.0.1:0\n",
                "FILE:3: [server web/a]: address: the port must be 1 to 65535"},
        Mistake{"server_anywhere", "[pool web]\n[server web/a]\naddress = 0.0.0.0:80\n",
                "FILE:3: [server web/a]: address: 0.0.0.0 is not an address of one server"},
        Mistake{"server_everywhere", "[pool web]\n[server web/a]\naddress = 224.0.0.1:80\n",
                "FILE:3: [server web/a]: address: 224.0.0.1 is not an address of one server"},
        Mistake{"server_twice",
                "[pool web]\n[server web/a]\naddress = 10.0.0.1:80\n"
                "[server web/b]\naddress = 10.0.0.1:80\n",
                "FILE:5: [server web/b]: address: 10.0.0.1:80 is already [server web/a]"},
        Mistake{"weight", "[pool web]\n[server web/a]\naddress = 10.0.0.1:80\nweight = -1\n",
                "FILE:4: [server web/a]: weight: -1 is out of range; valid: 0 to 2147483647"},
        Mistake{"limits",
                "[pool web]\n[server web/a]\naddress = 10.0.0.1:80\nmax_connections = 10\n"
                "min_connections = 11\n",
                "FILE:5: [server web/a]: min_connections: 11 is above max_connections, valid are "
                "0 to 10"},
        Mistake{"scheduler", "[pool web]\nscheduler = fastest\n",
                "FILE:2: [pool web]: scheduler: 'fastest' is not known here; valid: rr, wrr, lc, "
                "wlc, sed, nq, random, p2c, lrt, lbw, sh, mh, fo, ovf"},
        Mistake{"connect_timeout", "[pool web]\nconnect_timeout = 1ms\n",
                "FILE:2: [pool web]: connect_timeout: 1ms is out of range; valid: 10ms to 1m"},
        Mistake{"proxy_protocol", "[pool web]\nproxy_protocol = v3\n",
                "FILE:2: [pool web]: proxy_protocol: 'v3' is not known here; valid: none, v1, v2"},
        Mistake{
            "sticky", "[pool web]\nsticky = source/33x 10m\n",
            "FILE:2: [pool web]: sticky: 'source/33x': the prefix length must be 1 to 32 (IPv4) "
            "or 1 to 128 (IPv6)"},
        Mistake{"unknown_key", "[lbcore]\nlisten = 127.0.0.1:7480\n",
                "FILE:2: [lbcore]: listen: unknown key; valid: workers, serving_lease, "
                "drain_timeout, upgrade_timeout, restore, max_sessions, tcp_timeout, "
                "tcp_fin_timeout, udp_timeout, status_listen, access_log, access_log_format"},
        Mistake{"lonely_pair", "[pair]\naddress = 10.0.0.1:7400\n",
                "FILE:2: [pair]: address: a pair has two nodes: write address@ONE and "
                "address@OTHER"}),
    [](const auto& each) { return std::string(each.param.name); });

TEST_F(ConfigTest, AnUnreadableFile) {
  const auto loaded = load_config(dir / "none.conf", "lb1");
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().message, ::testing::HasSubstr("No such file"));
}

TEST_F(ConfigTest, AFolderIsNoFile) {
  const auto loaded = load_config(dir.path(), "lb1");
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().message, dir.path() + ": cannot be read");
}

TEST_F(ConfigTest, WhatWaitsForARestart) {
  const auto before = load("");
  EXPECT_THAT(needs_restart(before->settings, before->settings), IsEmpty());
  const auto after = load(
      "[lbcore]\nworkers = 200\nserving_lease = 1s\nmax_sessions = 7\ndrain_timeout = 1s\n"
      "[pair]\naddress@lb1 = 10.255.0.1:7400\naddress@lb2 = 10.255.0.2:7400\n");
  ASSERT_TRUE(after) << after.error().message;
  EXPECT_THAT(
      needs_restart(before->settings, after->settings),
      ElementsAre("[lbcore] workers", "[lbcore] serving_lease", "[lbcore] max_sessions", "[pair]"));
}

TEST_F(ConfigTest, StatusPagesAndAccessLogAreOffUnlessSaid) {
  const auto nothing = load("[lbcore]\n");
  ASSERT_TRUE(nothing) << nothing.error().message;
  EXPECT_FALSE(nothing->settings.observe.status_listen);
  EXPECT_EQ(nothing->settings.observe.access_log.target, "");
  const auto loaded = load(
      "[lbcore]\nstatus_listen = [::1]:7480\naccess_log = /var/log/hapair/access.log\n"
      "access_log_format = json\n");
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->settings.observe.status_listen, Endpoint::parse("[::1]:7480").value());
  EXPECT_EQ(loaded->settings.observe.access_log.target, "/var/log/hapair/access.log");
  EXPECT_EQ(loaded->settings.observe.access_log.format, observe::AccessFormat::json);
  EXPECT_THAT(needs_restart(nothing->settings, loaded->settings), IsEmpty());
}

TEST_F(ConfigTest, MistakesOfStatusPagesAndAccessLog) {
  EXPECT_EQ(error_of("[lbcore]\nstatus_listen = 7480\n"),
            "FILE:2: [lbcore]: status_listen: '7480' is not valid, valid are none and "
            "ADDRESS:PORT");
  EXPECT_EQ(error_of("[lbcore]\nstatus_listen = 127.0.0.1:0\n"),
            "FILE:2: [lbcore]: status_listen: the port must be 1 to 65535");
  EXPECT_EQ(error_of("[lbcore]\naccess_log = access.log\n"),
            "FILE:2: [lbcore]: access_log: 'access.log' is not valid, valid are none, stderr and "
            "an absolute path");
}

TEST_F(ConfigTest, TransparentIsForTcpAndOneFamily) {
  const std::string pool = "[pool p]\ncheck = none\ntransparent = yes\n";
  const std::string server = "[server p/s]\naddress = 10.0.1.1:80\n";
  const auto loaded = load(pool + server + "[service s]\nlisten = tcp 10.0.0.1:80\npool = p\n");
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_TRUE(loaded->spec.pools[0].relay.transparent);
  EXPECT_EQ(error_of(pool + server + "[service s]\nlisten = udp 10.0.0.1:53\npool = p\n"),
            "FILE:3: [pool p]: transparent: service s is udp, and transparent is for tcp");
  EXPECT_EQ(error_of(pool + server + "[service s]\nlisten = tcp [fd00::1]:80\npool = p\n"),
            "FILE:3: [pool p]: transparent: service s has IPv6 clients, which server 10.0.1.1:80 "
            "(IPv4) cannot see as themselves");
}

TEST_F(ConfigTest, ASourceFitsTheServersOfItsPool) {
  const std::string service = "[service s]\nlisten = tcp 10.0.0.1:80\npool = p\n";
  const auto text = [&](const std::string& keys) {
    return "[pool p]\ncheck = none\n" + keys + "[server p/s]\naddress = 10.0.1.1:80\n" + service;
  };
  const auto loaded = load(text("source = 10.0.0.101, 10.0.0.102\n"));
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->spec.pools[0].relay.source,
            (std::vector{IpAddress::parse("10.0.0.101").value(),
                         IpAddress::parse("10.0.0.102").value()}));
  EXPECT_THAT(loaded->warnings, IsEmpty());
  EXPECT_EQ(error_of(text("source = fd00::101, 10.0.0.101\n")),
            "FILE:3: [pool p]: source: fd00::101 is IPv6, and no server of the pool is");
  EXPECT_EQ(error_of(text("source = 10.0.0.101, 10.0.0.101\n")),
            "FILE:3: [pool p]: source: 10.0.0.101 is there twice");
  EXPECT_EQ(error_of(text("source = 0.0.0.0\n")),
            "FILE:3: [pool p]: source: 0.0.0.0 is not an address of one node");
  EXPECT_EQ(error_of(text("source = 10.0.0.101\ntransparent = yes\n")),
            "FILE:3: [pool p]: source: is not for transparent pools: their servers see the "
            "clients' addresses");
  const auto mixed =
      load(text("source = 10.0.0.101\n") + "[server p/six]\naddress = [fd00::1]:80\n");
  ASSERT_TRUE(mixed) << mixed.error().message;
  EXPECT_THAT(mixed->warnings, ElementsAre(::testing::HasSubstr(
                                   "[pool p]: source has no IPv6 address: connections to server "
                                   "six end with a handover")));
}

}  // namespace
}  // namespace hapair::lbcore
