// One vrrpd and its surroundings: interfaces that come and go, addresses that somebody left or
// took, packets that make no sense, a second instance.
#include <array>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>

#include "tests/netns/vrrpd/one_node.h"
#include "vrrpd/kernel/adv_socket.h"
#include "vrrpd/kernel/netlink_address.h"
#include "vrrpd/wire/packet.h"

namespace hapair::test {
namespace {

using testing::HasSubstr;

Prefix prefix(std::string_view text) {
  return Prefix::parse(text).value();
}
IpAddress ip(std::string_view text) {
  return IpAddress::parse(text).value();
}

/// Adds an address the way vrrpd does, mark and lease included.
void add_marked(const Namespace& inside, const char* interface, std::string_view address) {
  inside.run([&] {
    vrrp::NetlinkAddress kernel;
    const auto index = static_cast<int>(::if_nametoindex(interface));
    const Status added = kernel.add(index, std::array{prefix(address)});
    if (!added) throw std::runtime_error(added.error().message);
  });
}

TEST_F(OneNode, removes_at_start_what_an_earlier_life_left_and_nothing_else) {
  add_marked(lb1().inside, "eth0", "10.0.0.77/32");   // of an older configuration
  add_marked(lb1().inside, "eth1", "10.0.0.100/32");  // the VIP, on another interface
  add_marked(lb1().inside, "eth1",
             "10.0.1.77/32");  // not on our interface, not in our configuration
  lb1().inside.ip("addr add 10.0.0.88/32 dev eth0");  // a person's
  lab_->start_vrrpd("lb1");
  ASSERT_TRUE(vrrpd().wait_for_output("Initialize -> Backup", 5s));
  EXPECT_FALSE(has("10.0.0.77"));
  EXPECT_TRUE(has("10.0.1.77"));
  EXPECT_TRUE(has("10.0.0.88"));
  EXPECT_TRUE(vrrpd().wait_for_output("removed 10.0.0.77/32, left by an earlier life", 1s));
  EXPECT_TRUE(vrrpd().wait_for_output("removed 10.0.0.100/32, left by an earlier life", 1s));
}

TEST_F(OneNode, release_addresses_removes_the_marked_vips_of_the_configuration) {
  add_marked(lb1().inside, "eth0", "10.0.0.100/32");
  lb1().inside.ip("addr add 10.0.0.88/32 dev eth0");
  const Finished done = run_vrrpd({"--release-addresses"});
  EXPECT_EQ(done.exit.code, 0) << done.err;
  EXPECT_FALSE(has("10.0.0.100"));
  EXPECT_TRUE(has("10.0.0.88"));
}

TEST_F(OneNode, release_addresses_works_without_a_readable_configuration) {
  add_marked(lb1().inside, "eth0", "10.0.0.100/32");
  lab_->write_config("[vrrp\n");
  const Finished done = run_vrrpd({"--release-addresses"});
  EXPECT_EQ(done.exit.code, 0) << done.err;
  EXPECT_FALSE(has("10.0.0.100"));
}

TEST_F(OneNode, a_second_instance_refuses_and_says_why) {
  ASSERT_TRUE(becomes_active());
  const Finished second = run_vrrpd({});
  EXPECT_EQ(second.exit.code, 1);
  EXPECT_THAT(second.err, HasSubstr(fmt::format("vrrpd runs already with pid {}", vrrpd().pid())));
  EXPECT_TRUE(has(PairLab::kVip));
}

TEST_F(OneNode, an_invalid_configuration_is_refused_with_file_and_line) {
  replace_in_config("vrid = 51", "vrid = 256");
  for (const bool test_only : {true, false}) {
    const Finished done =
        run_vrrpd(test_only ? std::vector<std::string>{"--test"} : std::vector<std::string>{});
    EXPECT_EQ(done.exit.code, 1);
    EXPECT_THAT(done.err,
                HasSubstr(lab_->config_path() + ":8: [vrrp main]: vrid: 256 is out of range"));
  }
}

TEST_F(OneNode, waits_for_an_interface_that_is_missing_and_serves_when_it_appears) {
  replace_in_config("interface = eth0", "interface = eth9");
  lab_->start_vrrpd("lb1");
  ASSERT_TRUE(vrrpd().wait_for_output("vrrp main: stays Initialize (eth9 does not exist)", 5s));
  lab_->lan().connect(lb1().inside, "eth9", "10.0.0.9/24");
  EXPECT_TRUE(eventually(
      2s, [&] { return has(PairLab::kVip); }, "Active on the new interface"));

  // Gone again, back again under the same name: another interface, another socket.
  lb1().inside.ip("link del eth9");
  EXPECT_TRUE(vrrpd().wait_for_output("Active -> Initialize (eth9 is down)", 2s));
  lb1().inside.ip("link add eth9 type veth peer name far");
  lb1().inside.ip("link set far up");
  lb1().inside.ip("link set eth9 up");
  EXPECT_TRUE(
      vrrpd().wait_for_output("stays Initialize (eth9 has no IPv4 address of its own)", 2s));
  lb1().inside.ip("addr add 10.0.0.9/24 dev eth9");
  EXPECT_TRUE(eventually(
      2s, [&] { return has(PairLab::kVip); }, "Active again"));
}

TEST_F(OneNode, a_renamed_interface_is_a_missing_one) {
  ASSERT_TRUE(becomes_active());
  lb1().inside.ip("link set eth0 down");
  lb1().inside.ip("link set eth0 name lan0");
  lb1().inside.ip("link set lan0 up");
  EXPECT_TRUE(vrrpd().wait_for_output("stays Initialize (eth0 does not exist)", 2s));
  EXPECT_FALSE(has(PairLab::kVip));
}

TEST_F(OneNode, the_vip_is_never_a_source_address) {
  ASSERT_TRUE(becomes_active());
  EXPECT_THAT(lb1().inside.ip("-4 -o addr show dev eth0"), HasSubstr("inet 10.0.0.100/32 "));
  lb1().inside.ip("route add default via 10.0.0.10");
  for (const char* target : {"10.0.0.10", "192.0.2.1"}) {
    EXPECT_THAT(lb1().inside.ip(fmt::format("route get {}", target)), HasSubstr("src 10.0.0.1 "));
  }
  // Taking it away takes nothing else along.
  vrrpd().terminate(3s);
  EXPECT_TRUE(has("10.0.0.1"));
}

TEST_F(OneNode, a_vip_of_a_foreign_network_brings_the_route_to_it) {
  replace_in_config("addresses = 10.0.0.100/24", "addresses = 192.0.2.100/24, 10.0.0.100/24");
  ASSERT_TRUE(becomes_active());
  EXPECT_THAT(lb1().inside.ip("-4 -o addr show dev eth0"), HasSubstr("inet 192.0.2.100/32 "));
  EXPECT_TRUE(eventually(
      2s,
      [&] {
        return lb1().inside.ip("route show proto 247").find("192.0.2.0/24 dev eth0") !=
               std::string::npos;
      },
      "the route"));
  EXPECT_THAT(lb1().inside.ip("route get 192.0.2.1"), HasSubstr("dev eth0"));
}

TEST_F(OneNode, a_vip_of_a_foreign_network_with_a_route_of_its_own_is_no_source_either) {
  replace_in_config("addresses = 10.0.0.100/24",
                    "addresses = 192.0.2.100/32, 10.0.0.100/24\n"
                    "routes = 192.0.2.0/24 dev eth0 src 10.0.0.1");
  ASSERT_TRUE(becomes_active());
  EXPECT_TRUE(eventually(
      2s,
      [&] {
        return lb1().inside.ip("route get 192.0.2.1").find("dev eth0 src 10.0.0.1 ") !=
               std::string::npos;
      },
      "the route, with the node's own address"));
}

TEST_F(OneNode, a_vip_that_somebody_removes_is_back_without_a_change_of_state) {
  ASSERT_TRUE(becomes_active());
  const uint64_t transitions = status().routers(0).transitions();
  for (int i = 0; i < 5; ++i) {
    lb1().inside.ip("addr del 10.0.0.100/32 dev eth0");
    EXPECT_TRUE(eventually(
        100ms, [&] { return has(PairLab::kVip); }, "the VIP is back"));
  }
  EXPECT_EQ(status().routers(0).transitions(), transitions);
}

TEST_F(OneNode, keeps_the_vip_beyond_its_lease) {
  ASSERT_TRUE(becomes_active());
  EXPECT_TRUE(holds_for(
      3s, [&] { return has(PairLab::kVip); }, "the lease is renewed"));
}

TEST_F(OneNode, bad_packets_cost_a_counter_each_and_nothing_else) {
  ASSERT_TRUE(becomes_active());
  const vrrp::Envelope envelope{
      .source = ip("10.0.0.10"), .destination = ip("224.0.0.18"), .ttl = 255};
  const vrrp::Advertisement good{
      .vrid = 51, .priority = 1, .interval_cs = 1, .addresses = {ip("10.0.0.100")}};
  lab_->client().run([&] {
    const auto socket = vrrp::AdvSocket::open_for_sending();
    const auto index = static_cast<int>(::if_nametoindex("eth0"));
    const auto send = [&](std::vector<uint8_t> bytes, const IpAddress& to) {
      (void)socket->send(index, envelope.source, to, bytes);
    };
    auto bytes = vrrp::encode(good, vrrp::ChecksumForm::rfc, envelope);
    bytes[0] = 0x21;
    send(bytes, envelope.destination);  // version
    bytes = vrrp::encode(good, vrrp::ChecksumForm::rfc, envelope);
    bytes[7] ^= 1;
    send(bytes, envelope.destination);  // checksum
    bytes.resize(6);
    send(bytes, envelope.destination);  // truncated
    bytes = vrrp::encode(good, vrrp::ChecksumForm::rfc, envelope);
    bytes.push_back(0);
    send(bytes, envelope.destination);                                            // length
    send(vrrp::encode(good, vrrp::ChecksumForm::rfc, envelope), ip("10.0.0.1"));  // destination
    // And noise, most of it for our VRID.
    std::mt19937 random(112);  // NOLINT: the same noise each time
    for (int i = 0; i < 2000; ++i) {
      std::vector<uint8_t> noise(random() % 80);
      for (auto& byte : noise) byte = static_cast<uint8_t>(random());
      if (noise.size() > 1) noise[1] = 51;
      send(noise, envelope.destination);
    }
    // At last a good one: it loses, and is answered.
    send(vrrp::encode(good, vrrp::ChecksumForm::rfc, envelope), envelope.destination);
  });
  EXPECT_TRUE(eventually(
      2s, [&] { return status().routers(0).received() >= 1; }, "the good one"));
  const auto router = status().routers(0);
  for (const char* reason : {"version", "checksum", "truncated", "length", "destination"}) {
    EXPECT_GE(router.refused().count(reason), 1U) << reason;
  }
  EXPECT_EQ(router.router().state(), role::STATE_ACTIVE);
  EXPECT_EQ(vrrpd().children().size(), 1U);
  // Five lines, not two thousand.
  const std::string log = vrrpd().err();
  size_t lines = 0;
  for (size_t at = 0; (at = log.find("refused an advertisement", at)) != std::string::npos; ++at)
    ++lines;
  EXPECT_LE(lines, 6U);
  EXPECT_GE(lines, 1U);
}

TEST_F(OneNode, status_tells_state_timers_and_history) {
  ASSERT_TRUE(becomes_active());
  const auto all = status();
  EXPECT_EQ(all.node(), "lb1");
  ASSERT_EQ(all.routers_size(), 1);
  const auto& router = all.routers(0);
  EXPECT_EQ(router.router().name(), "main");
  EXPECT_EQ(router.router().state(), role::STATE_ACTIVE);
  EXPECT_EQ(router.router().addresses(0), "10.0.0.100/24");
  EXPECT_EQ(router.advert_interval_us(), 10'000U);
  EXPECT_EQ(router.down_interval_us(), 34'140U);  // priority 150: 30 ms + 106/256 * 10 ms
  EXPECT_LE(router.next_deadline_us(), 10'000U);
  EXPECT_EQ(router.transitions(), 2U);
  ASSERT_GE(router.history_size(), 2);
  EXPECT_THAT(router.history(router.history_size() - 1),
              testing::StartsWith("Backup -> Active (heard nobody for 34 ms) "));
}

}  // namespace
}  // namespace hapair::test
