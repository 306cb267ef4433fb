// The datagrams of the pair path: golden bytes, every way to be refused.
#include "vrrpd/pair_path/message.h"

#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hapair::vrrp {
namespace {

PairKey some_key(uint8_t first = 1) {
  PairKey key{};
  for (size_t i = 0; i < key.size(); ++i) key[i] = static_cast<uint8_t>(first + i);
  return key;
}

const MacKey kKey = path_key(some_key(), "lb1");

PathMessage sample() {
  PathMessage out{.stamp = {.epoch = 0x0102030405060708, .sequence = 9},
                  .echo = {.epoch = 0x1112131415161718, .sequence = 0x19},
                  .pace = 10ms,
                  .answer = true,
                  .serving = true,
                  .in_sync = false,
                  .demoted = true,
                  .routers = {},
                  .handover = {}};
  out.routers.push_back({.id = router_id("main"),
                         .vrid = 51,
                         .role = Role::active,
                         .priority = 150,
                         .interval = 1s,
                         .link_ok = true,
                         .hears_you = false,
                         .asks = true,
                         .resigns = false,
                         .witness_age = 300ms,
                         .address = IpAddress::parse("10.0.0.1").value()});
  out.routers.push_back({.id = router_id("six"),
                         .vrid = 52,
                         .role = Role::backup,
                         .priority = 1,
                         .interval = 10ms,
                         .link_ok = false,
                         .hears_you = true,
                         .asks = false,
                         .resigns = true,
                         .witness_age = {},
                         .address = IpAddress::parse("fe80::1").value()});
  out.handover = {.kind = HandoverNote::Kind::refuse,
                  .router = router_id("main"),
                  .number = 7,
                  .text = "not in sync"};
  return out;
}

std::string hex(std::span<const uint8_t> bytes) {
  std::string out;
  for (const uint8_t byte : bytes) out += fmt::format("{:02x}", byte);
  return out;
}

TEST(PathMessage, golden_bytes) {
  const auto bytes = encode(sample(), kKey);
  EXPECT_EQ(hex(std::span(bytes).first(bytes.size() - 16)),
            "48505031"                          // magic
            "0102030405060708"                  // epoch
            "0000000000000009"                  // sequence
            "1112131415161718"                  // echo
            "0000000000000019"                  //
            "000a"                              // pace
            "0b02"                              // demoted, serving, answer; two routers
            "ea90e208332a96"                    // "main", 51, link ok + asks + Active, 150
            "0064012c040a000001"                // 1 s, 300 ms, 10.0.0.1
            "ca3007ab341501"                    // "six", 52, hears you + resigns + Backup, 1
            "0001ffff10"                        // 10 ms, no witness
            "fe800000000000000000000000000001"  //
            "03ea90e20800000007"                // refused, "main", 7
            "0b6e6f7420696e2073796e63");        // "not in sync"
}

TEST(PathMessage, comes_back_as_it_was) {
  const auto decoded = decode(encode(sample(), kKey), kKey);
  ASSERT_TRUE(decoded) << name(decoded.error());
  EXPECT_EQ(*decoded, sample());
  const auto least = decode(encode({.pace = 1s}, kKey), kKey);
  ASSERT_TRUE(least);
  EXPECT_EQ(*least, PathMessage{.pace = 1s});
}

TEST(PathMessage, the_largest_fits) {
  PathMessage most = sample();
  most.routers.assign(kMostPathRouters + 5, most.routers.back());
  most.handover.text.assign(1000, 'x');
  const auto bytes = encode(most, kKey);
  EXPECT_LE(bytes.size(), kMostPathBytes);
  const auto decoded = decode(bytes, kKey);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->routers.size(), kMostPathRouters);
  EXPECT_EQ(decoded->handover.text.size(), kMostHandoverText);
}

TEST(PathMessage, any_changed_bit_is_refused) {
  const auto bytes = encode(sample(), kKey);
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    auto changed = bytes;
    changed[bit / 8] ^= static_cast<uint8_t>(1U << (bit % 8));
    const auto decoded = decode(changed, kKey);
    ASSERT_FALSE(decoded) << bit;
    EXPECT_EQ(decoded.error(), bit < 32 ? PathRefusal::malformed : PathRefusal::authentication);
  }
}

TEST(PathMessage, another_key_or_direction_is_refused) {
  const auto bytes = encode(sample(), kKey);
  for (const MacKey& other : {path_key(some_key(2), "lb1"), path_key(some_key(), "lb2")}) {
    const auto decoded = decode(bytes, other);
    ASSERT_FALSE(decoded);
    EXPECT_EQ(decoded.error(), PathRefusal::authentication);
  }
}

/// Signed with the right key, yet not a message: the peer's bug must not be ours.
TEST(PathMessage, an_authentic_one_of_another_shape_is_malformed) {
  const auto bytes = encode(sample(), kKey);
  const auto body = std::span(bytes).first(bytes.size() - 16);
  const auto refused = [](std::vector<uint8_t> other) {
    const MacTag tag = authenticate(kKey, other);
    other.insert(other.end(), tag.begin(), tag.end());
    const auto decoded = decode(other, kKey);
    return !decoded && decoded.error() == PathRefusal::malformed;
  };
  for (size_t length = 4; length < body.size(); ++length) {
    EXPECT_TRUE(refused({body.begin(), body.begin() + static_cast<std::ptrdiff_t>(length)}))
        << length;
  }
  std::vector<uint8_t> longer(body.begin(), body.end());
  longer.push_back(0);
  EXPECT_TRUE(refused(longer));
  const auto with = [&](size_t at, uint8_t value) {
    std::vector<uint8_t> out(body.begin(), body.end());
    out[at] = value;
    return out;
  };
  EXPECT_TRUE(refused(with(38, 0xff)));  // flags that do not exist
  EXPECT_TRUE(refused(with(39, 33)));    // too many routers
  EXPECT_TRUE(refused(with(45, 0x03)));  // a fourth role
  EXPECT_TRUE(refused(with(51, 5)));     // an address of five bytes
}

TEST(PathMessage, texts_are_fit_for_a_line) {
  PathMessage dirty = sample();
  dirty.handover.text = "a\nb\x1b[0m";
  const auto decoded = decode(encode(dirty, kKey), kKey);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->handover.text, "a?b?[0m");
}

}  // namespace
}  // namespace hapair::vrrp
