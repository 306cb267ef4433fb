// [vrrp NAME]: what a file becomes, and every mistake with its file and line.
#include "vrrpd/config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hapair::vrrp {
namespace {

using testing::HasSubstr;

constexpr std::string_view kGood =
    "[vrrp main]\n"
    "interface = eth0\n"
    "vrid = 51\n"
    "addresses = 10.0.0.100/24, 10.0.0.101/24\n";

std::string mistakes(std::string_view text) {
  const auto loaded = parse_config(text, "hapair.conf", "lb1");
  EXPECT_FALSE(loaded.has_value());
  return loaded ? std::string() : loaded.error().message;
}
std::string with(std::string_view line) {
  return std::string(kGood) + std::string(line) + "\n";
}

TEST(VrrpConfig, defaults_interoperate) {
  const auto loaded = parse_config(kGood, "hapair.conf", "lb1");
  ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
  ASSERT_EQ(loaded->routers.size(), 1U);
  const RouterConfig& router = loaded->routers[0];
  EXPECT_EQ(router.name, "main");
  EXPECT_EQ(router.interface, "eth0");
  EXPECT_EQ(router.vrid, 51);
  EXPECT_EQ(router.parameters.priority, 100);
  EXPECT_EQ(router.parameters.interval, 1s);
  EXPECT_FALSE(router.parameters.preempt);
  EXPECT_EQ(router.parameters.boot_hold, 10s);
  EXPECT_FALSE(router.witness);
  EXPECT_FALSE(router.parameters.witness);
  EXPECT_FALSE(router.authenticated);
  EXPECT_EQ(router.parameters.sync_wait, 30s);
  EXPECT_EQ(router.addresses.size(), 2U);
  EXPECT_EQ(router.addresses[1].to_string(), "10.0.0.101/24");
  EXPECT_FALSE(router.peer.has_value());
  EXPECT_EQ(router.least_ttl, 255);
  EXPECT_EQ(router.checksum, ChecksumChoice::automatic);
  EXPECT_FALSE(router.track_lbcore);
}

TEST(VrrpConfig, every_key_arrives) {
  const auto loaded = parse_config(
      with("priority@lb1 = 150\npriority@lb2 = 90\nadvert_interval = 10ms\npeer@lb1 = 10.0.0.2\n"
           "peer@lb2 = 10.0.0.1\nmin_ttl = 250\npreempt = yes\nsync_wait = 5s\nboot_hold = 2s\n"
           "checksum = rfc\ntrack_lbcore = yes\nannouncements = 7\nannounce_interval = 20ms"),
      "hapair.conf", "lb1");
  ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
  const RouterConfig& router = loaded->routers[0];
  EXPECT_EQ(router.parameters.priority, 150);
  EXPECT_EQ(router.parameters.interval, 10ms);
  EXPECT_EQ(router.peer, IpAddress::parse("10.0.0.2").value());
  EXPECT_EQ(router.least_ttl, 250);
  EXPECT_TRUE(router.parameters.preempt);
  EXPECT_EQ(router.parameters.sync_wait, 5s);
  EXPECT_EQ(router.parameters.boot_hold, 2s);
  EXPECT_EQ(router.checksum, ChecksumChoice::rfc);
  EXPECT_TRUE(router.track_lbcore);
  EXPECT_EQ(router.announcements, 7);
  EXPECT_EQ(router.announce_interval, 20ms);
}

TEST(VrrpConfig, the_other_daemons_sections_are_accepted_and_services_switch_tracking_on) {
  const std::string more =
      "[pair]\naddress@lb1 = 10.255.0.1:7400\naddress@lb2 = 10.255.0.2:7400\nkey_file = /k\n"
      "[lbcore]\nworkers = 2\n[service web]\nwhatever = 1\n[route r]\nx = 1\n[pool web]\nx = 1\n"
      "[server web/a]\nx = 1\n";
  const auto loaded = parse_config(std::string(kGood) + more, "hapair.conf", "lb1");
  ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
  EXPECT_TRUE(loaded->routers[0].track_lbcore);
  const auto untracked = parse_config(with("track_lbcore = no") + more, "hapair.conf", "lb1");
  ASSERT_TRUE(untracked.has_value()) << untracked.error().message;
  EXPECT_FALSE(untracked->routers[0].track_lbcore);
}

TEST(VrrpConfig, refuses_intervals_that_the_wire_cannot_carry) {
  EXPECT_EQ(mistakes(with("advert_interval = 15ms")),
            "hapair.conf:5: [vrrp main]: advert_interval: 15ms does not fit the wire, which counts "
            "centiseconds; valid: multiples of 10ms");
  EXPECT_THAT(mistakes(with("advert_interval = 5ms")), HasSubstr("valid: 10ms to 40s"));
  EXPECT_THAT(mistakes(with("advert_interval = 41s")), HasSubstr("valid: 10ms to 40s"));
}

TEST(VrrpConfig, refuses_two_routers_with_one_vrid_on_one_interface) {
  EXPECT_EQ(mistakes(with("[vrrp other]\ninterface = eth0\nvrid = 51\naddresses = 10.0.0.102/24")),
            "hapair.conf:7: [vrrp other]: vrid: 51 on eth0 is taken by [vrrp main]");
  EXPECT_TRUE(
      parse_config(with("[vrrp other]\ninterface = eth1\nvrid = 51\naddresses = 10.0.1.1/24"),
                   "hapair.conf", "lb1")
          .has_value());
}

TEST(VrrpConfig, refuses_a_vip_that_belongs_to_another_router) {
  EXPECT_EQ(mistakes(with("[vrrp other]\ninterface = eth1\nvrid = 52\naddresses = 10.0.0.100/32")),
            "hapair.conf:8: [vrrp other]: addresses: 10.0.0.100 belongs to [vrrp main] already");
}

TEST(VrrpConfig, refuses_addresses_that_no_router_can_hold) {
  const auto addresses = [](std::string_view list) {
    return fmt::format("[vrrp main]\ninterface = eth0\nvrid = 51\naddresses = {}\n", list);
  };
  EXPECT_THAT(mistakes(addresses("fe80::1/64, ff02::1/128")), HasSubstr("no address of a host"));
  EXPECT_THAT(mistakes(addresses("224.0.0.18/32")), HasSubstr("no address of a host"));
  EXPECT_THAT(mistakes(addresses("0.0.0.0/0")), HasSubstr("no address of a host"));
  EXPECT_THAT(mistakes(addresses("10.0.0.1/24, 10.0.0.1/32")),
              HasSubstr("10.0.0.1 is named twice"));
  std::string many = "[vrrp main]\ninterface = eth0\nvrid = 51\n";
  for (int i = 1; i <= 21; ++i) many += fmt::format("addresses.{} = 10.0.1.{}/24\n", i, i);
  EXPECT_THAT(mistakes(many), HasSubstr("21 are too many; valid: at most 20"));
}

TEST(VrrpConfig, extra_addresses_are_vips_that_are_not_advertised) {
  const auto read = parse_config(with("extra_addresses = 10.0.0.77/24, 10.9.0.1/32"), "f", "lb1");
  ASSERT_TRUE(read.has_value()) << read.error().message;
  const RouterConfig& router = read->routers[0];
  EXPECT_EQ(router.addresses.size(), 2U);
  EXPECT_EQ(router.extra_addresses.size(), 2U);
  EXPECT_EQ(router.all_addresses().size(), 4U);
  EXPECT_TRUE(router.is_vip(IpAddress::parse("10.9.0.1").value()));
  EXPECT_TRUE(router.is_vip(IpAddress::parse("10.0.0.100").value()));
  EXPECT_FALSE(router.is_vip(IpAddress::parse("10.9.0.2").value()));
}

TEST(VrrpConfig, refuses_extra_addresses_that_are_too_many_or_taken) {
  EXPECT_EQ(mistakes(with("extra_addresses = 10.0.0.100/32")),
            "hapair.conf:5: [vrrp main]: extra_addresses: 10.0.0.100 is named twice");
  EXPECT_THAT(mistakes(with("extra_addresses = 10.0.0.7/32\n[vrrp other]\ninterface = eth1\n"
                            "vrid = 52\naddresses = 10.0.0.7/32")),
              HasSubstr("[vrrp other]: addresses: 10.0.0.7 belongs to [vrrp main] already"));
  std::string many;
  for (int i = 0; i <= 1000; ++i) {
    many += fmt::format("extra_addresses.{} = 10.1.{}.{}/32\n", i + 1, i / 250, i % 250 + 1);
  }
  EXPECT_THAT(mistakes(with(many)), HasSubstr("1001 are too many; valid: at most 1000"));
}

TEST(VrrpConfig, routers_of_a_group_have_one_priority_and_one_preempt) {
  const auto group = [](std::string_view more) {
    return with(
        fmt::format("group = web\n[vrrp other]\ninterface = eth1\nvrid = 52\n"
                    "addresses = 10.1.0.1/24\ngroup = web\n{}",
                    more));
  };
  EXPECT_EQ(parse_config(group(""), "f", "lb1")->routers[1].group, "web");
  EXPECT_EQ(mistakes(group("priority = 7")),
            "hapair.conf:11: [vrrp other]: priority: 7 differs from 100 of [vrrp main] in group "
            "web; valid: one priority in a group");
  EXPECT_THAT(mistakes(group("preempt = yes")),
              HasSubstr("preempt: differs from [vrrp main] in group web"));
}

TEST(VrrpConfig, a_virtual_mac_has_an_interface_of_its_own) {
  const auto read = [](std::string_view more) {
    return parse_config(with(more), "f", "lb1")->routers[0];
  };
  EXPECT_FALSE(read("").virtual_mac);
  EXPECT_TRUE(read("virtual_mac = yes").virtual_mac);
  EXPECT_EQ(read("virtual_mac = yes").virtual_mac_interface, "vrrp.51");
  EXPECT_EQ(read("virtual_mac = yes\nvirtual_mac_interface = lan").virtual_mac_interface, "lan");
  EXPECT_FALSE(read("").same_router(read("virtual_mac = yes"))) << "the VIPs move to it";
  EXPECT_THAT(mistakes(with("virtual_mac = yes\npeer = 10.0.0.2")),
              HasSubstr("valid: without peer"));
  EXPECT_THAT(mistakes(with("virtual_mac = yes\nvirtual_mac_interface = averylongnamefor1")),
              HasSubstr("valid: at most 15 letters"));
}

TEST(VrrpConfig, reads_routes_and_tracked_interfaces_and_names_the_place_of_a_mistake) {
  const auto read = parse_config(
      with("routes = 10.7.0.0/16 via 10.0.0.9\ntrack_interfaces = eth1, eth2 weight -20\n"
           "link_debounce = 1s"),
      "f", "lb1");
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(read->routers[0].routes.at(0).to_string(), "10.7.0.0/16 via 10.0.0.9");
  EXPECT_EQ(read->routers[0].track_interfaces.at(1).weight, -20);
  EXPECT_EQ(read->routers[0].link_debounce, 1s);
  EXPECT_THAT(
      mistakes(with("routes = 10.7.0.0/16")),
      testing::StartsWith("hapair.conf:5: [vrrp main]: routes: '10.7.0.0/16' leads nowhere"));
  EXPECT_THAT(mistakes(with("track_interfaces = eth1 weight 0")),
              testing::StartsWith("hapair.conf:5: [vrrp main]: track_interfaces: 'eth1 weight 0'"));
}

TEST(VrrpConfig, refuses_a_peer_that_is_a_vip_or_no_host) {
  EXPECT_THAT(mistakes(with("peer = 10.0.0.100")), HasSubstr("10.0.0.100 is a VIP of this router"));
  EXPECT_THAT(mistakes(with("peer = 224.0.0.18")), HasSubstr("no address of a host"));
  EXPECT_EQ(mistakes(with("peer = fe80::1")),
            "hapair.conf:5: [vrrp main]: peer: fe80::1 is IPv6 and the addresses are IPv4; valid: "
            "an address of their family");
}

constexpr std::string_view kSix =
    "[vrrp six]\ninterface = eth0\nvrid = 51\naddresses = 2001:db8::100/64, fe80::100/64\n";

TEST(VrrpConfig, addresses_of_one_family_make_the_router_one_of_it_link_local_first) {
  const auto loaded = parse_config(kSix, "hapair.conf", "lb1");
  ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
  const RouterConfig& router = loaded->routers[0];
  EXPECT_EQ(router.family, AF_INET6);
  EXPECT_EQ(router.addresses[0].to_string(), "fe80::100/64");
  EXPECT_EQ(router.addresses[1].to_string(), "2001:db8::100/64");
  EXPECT_EQ(parse_config(kGood, "f", "lb1")->routers[0].family, AF_INET);
}

TEST(VrrpConfig, refuses_two_families_in_one_router) {
  EXPECT_EQ(
      mistakes("[vrrp main]\ninterface = eth0\nvrid = 51\n"
               "addresses = 10.0.0.100/24, 2001:db8::100/64\n"),
      "hapair.conf:4: [vrrp main]: addresses: 10.0.0.100 is IPv4 and 2001:db8::100 is IPv6; valid: "
      "one family per router, the other one in a second [vrrp] section");
}

TEST(VrrpConfig, refuses_ipv6_multicast_without_a_link_local_address) {
  const std::string global =
      "[vrrp six]\ninterface = eth0\nvrid = 51\naddresses = 2001:db8::1/64\n";
  EXPECT_EQ(
      mistakes(global),
      "hapair.conf:4: [vrrp six]: addresses: none is link-local, and RFC 9568 wants the first "
      "to be; valid: one more, the same on both nodes, such as fe80::5e00:233/64");
  // What it proposes is an address.
  EXPECT_TRUE(Prefix::parse("fe80::5e00:233/64").has_value());
  EXPECT_TRUE(parse_config(global + "peer = 2001:db8::2\n", "f", "lb1").has_value());
}

TEST(VrrpConfig, both_families_may_have_one_vrid_on_one_interface) {
  const auto both = parse_config(std::string(kGood) + std::string(kSix), "f", "lb1");
  ASSERT_TRUE(both.has_value()) << both.error().message;
  EXPECT_FALSE(both->routers[0].same_router(both->routers[1]));
}

TEST(VrrpConfig, version_2_is_for_whole_seconds_and_ipv4) {
  EXPECT_EQ(parse_config(kGood, "f", "lb1")->routers[0].parameters.version, 3);
  const auto two = parse_config(with("version = 2\nadvert_interval = 2s"), "f", "lb1");
  ASSERT_TRUE(two.has_value()) << two.error().message;
  EXPECT_EQ(two->routers[0].parameters.version, 2);
  EXPECT_THAT(mistakes(with("version = 4")), HasSubstr("valid: 2 to 3"));
  EXPECT_EQ(mistakes(with("version = 2\nadvert_interval = 100ms")),
            "hapair.conf:6: [vrrp main]: advert_interval: 100ms does not fit version 2, which "
            "counts whole seconds; valid: 1s to 40s in steps of 1s");
  EXPECT_EQ(mistakes(std::string(kSix) + "version = 2\n"),
            "hapair.conf:5: [vrrp six]: version: 2 knows no IPv6; valid: 3 where the addresses are "
            "IPv6");
}

TEST(VrrpConfig, a_choice_of_checksum_is_refused_where_there_is_none) {
  EXPECT_EQ(mistakes(with("version = 2\nchecksum = rfc")),
            "hapair.conf:6: [vrrp main]: checksum: version 2 has one form of it; valid: auto, or "
            "version 3 with IPv4 addresses");
  EXPECT_THAT(mistakes(std::string(kSix) + "checksum = pseudo-header\n"),
              HasSubstr("checksum: IPv6 has one form of it"));
}

TEST(VrrpConfig, refuses_a_ttl_for_multicast) {
  EXPECT_THAT(mistakes(with("min_ttl = 250")), HasSubstr("valid: only with peer"));
}

TEST(VrrpConfig, refuses_an_interface_name_that_cannot_exist) {
  EXPECT_THAT(
      mistakes("[vrrp main]\ninterface = averylongnamefor1\nvrid = 1\naddresses = 10.0.0.1/32\n"),
      HasSubstr("valid: at most 15 letters"));
}

TEST(VrrpConfig, refuses_a_file_without_a_router) {
  EXPECT_EQ(mistakes("[lbcore]\n"), "hapair.conf: no [vrrp NAME] section: vrrpd has nothing to do");
}

TEST(VrrpConfig, names_all_mistakes_at_once) {
  const std::string all = mistakes(with("min_ttl = 250\nadvert_interval = 15ms"));
  EXPECT_THAT(all, HasSubstr("hapair.conf:5: [vrrp main]: min_ttl:"));
  EXPECT_THAT(all, HasSubstr("hapair.conf:6: [vrrp main]: advert_interval:"));
}

TEST(VrrpConfig, the_same_router_is_name_interface_and_vrid) {
  const RouterConfig one = parse_config(kGood, "f", "lb1")->routers[0];
  RouterConfig other = one;
  other.parameters.priority = 7;
  EXPECT_TRUE(one.same_router(other));
  other.vrid = 52;
  EXPECT_FALSE(one.same_router(other));
}

TEST(VrrpConfig, a_witness_is_a_neighbour_or_a_connection) {
  const auto arp = parse_config(with("witness = 10.0.0.254"), "f", "lb1");
  ASSERT_TRUE(arp) << arp.error().message;
  EXPECT_EQ(arp->routers[0].witness->kind, WitnessConfig::Kind::neighbour);
  EXPECT_EQ(arp->routers[0].witness->to_string(), "10.0.0.254");
  EXPECT_EQ(arp->routers[0].witness->interval, 1s);
  EXPECT_TRUE(arp->routers[0].parameters.witness);
  const auto tcp =
      parse_config(with("witness = tcp 192.0.2.1:53\nwitness_interval = 300ms"), "f", "lb1");
  ASSERT_TRUE(tcp) << tcp.error().message;
  EXPECT_EQ(tcp->routers[0].witness->kind, WitnessConfig::Kind::tcp);
  EXPECT_EQ(tcp->routers[0].witness->to_string(), "tcp 192.0.2.1:53");
  EXPECT_EQ(tcp->routers[0].witness->interval, 300ms);
  for (const char* wrong : {"nobody", "tcp 10.0.0.1", "tcp 10.0.0.1:0", "udp 10.0.0.1:53"}) {
    EXPECT_THAT(mistakes(with(std::string("witness = ") + wrong)),
                HasSubstr("valid: ADDRESS, or tcp ADDRESS:PORT"))
        << wrong;
  }
}

TEST(VrrpConfig, authentication_is_for_unicast_between_two_nodes_with_a_key) {
  const auto with_peer = parse_config(with("peer = 10.0.0.2"), "f", "lb1");
  EXPECT_TRUE(with_peer->routers[0].authenticated);
  EXPECT_FALSE(parse_config(with("peer = 10.0.0.2\nauthentication = no"), "f", "lb1")
                   ->routers[0]
                   .authenticated);
  EXPECT_THAT(mistakes(with("authentication = yes")), HasSubstr("valid: yes only with peer"));
  EXPECT_THAT(mistakes(with("peer = 10.0.0.2\nauthentication = yes")),
              HasSubstr("there is no pair key"));
}

TEST(VrrpConfig, a_key_that_cannot_be_read_costs_the_pair_path_only) {
  const std::string pair =
      "[pair]\naddress@lb1 = 10.255.0.1:7400\naddress@lb2 = 10.255.0.2:7400\nkey_file = /nowhere\n";
  const auto loaded = parse_config(pair + std::string(kGood), "f", "lb1");
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_FALSE(loaded->pair);
  EXPECT_THAT(loaded->pair_trouble, HasSubstr("pair key /nowhere"));
}

}  // namespace
}  // namespace hapair::vrrp
