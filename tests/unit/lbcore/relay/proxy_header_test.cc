// Headers of the PROXY protocol: bytes in / addresses out, and back.
#include "lbcore/relay/proxy_header.h"

#include <string>

#include <gtest/gtest.h>

namespace hapair::lbcore::relay {
namespace {

using State = ProxyHeader::State;
using namespace std::string_literals;

const std::string kSignature = "\r\n\r\n\0\r\nQUIT\n"s;

Endpoint at(const std::string& text) {
  return Endpoint::parse(text).value();
}

std::string written(ProxyProtocol version, const Endpoint& client, const Endpoint& destination) {
  std::array<char, kProxyHeaderRoom> out{};
  const size_t length = write_proxy_header(version, client, destination, out);
  return {out.data(), length};
}

/// A version 2 header; `length` of the body unless told otherwise.
std::string binary(char command, char family, const std::string& body, int length = -1) {
  const auto said = static_cast<uint16_t>(length < 0 ? static_cast<int>(body.size()) : length);
  return kSignature + command + family + static_cast<char>(said >> 8) +
         static_cast<char>(said & 0xff) + body;
}

const std::string kV4Body = "\xc0\x00\x02\x01\x0a\x00\x00\x64\xdc\x04\x01\xbb"s;
const std::string kV6Body =
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x64\xdc\x04\x01\xbb"s;

TEST(ProxyHeader, GoldenBytesOfEveryVersionAndFamily) {
  const Endpoint v4 = at("192.0.2.1:56324");
  const Endpoint to_v4 = at("10.0.0.100:443");
  const Endpoint v6 = at("[2001:db8::7]:56324");
  const Endpoint to_v6 = at("[2001:db8::64]:443");
  EXPECT_EQ(written(ProxyProtocol::none, v4, to_v4), "");
  EXPECT_EQ(written(ProxyProtocol::v1, v4, to_v4), "PROXY TCP4 192.0.2.1 10.0.0.100 56324 443\r\n");
  EXPECT_EQ(written(ProxyProtocol::v1, v6, to_v6),
            "PROXY TCP6 2001:db8::7 2001:db8::64 56324 443\r\n");
  EXPECT_EQ(written(ProxyProtocol::v1, v4, to_v6), "PROXY UNKNOWN\r\n");
  EXPECT_EQ(written(ProxyProtocol::v2, v4, to_v4), binary(0x21, 0x11, kV4Body));
  EXPECT_EQ(written(ProxyProtocol::v2, v6, to_v6), binary(0x21, 0x21, kV6Body));
  EXPECT_EQ(written(ProxyProtocol::v2, v4, to_v6), binary(0x20, 0, ""));
}

TEST(ProxyHeader, TheLongestLineFitsItsRoom) {
  const Endpoint longest = at("[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
  EXPECT_EQ(written(ProxyProtocol::v1, longest, longest).size(), 104U);
}

struct Good {
  const char* name;
  std::string bytes;
  bool has_addresses = false;
  const char* client = "0.0.0.0:0";
  const char* destination = "0.0.0.0:0";
};

class GoodHeader : public ::testing::TestWithParam<Good> {};

/// Whole, with the client's bytes behind it, and cut at every place: the same header, and
/// incomplete before its last byte.
TEST_P(GoodHeader, IsReadHoweverItIsCut) {
  const Good& good = GetParam();
  for (const std::string& behind : {""s, "G"s, "\r\n"s, "PROXY TCP4 "s, std::string(20000, 'x')}) {
    const ProxyHeader header = parse_proxy_header(good.bytes + behind);
    ASSERT_EQ(header.state, State::complete) << header.mistake;
    EXPECT_EQ(header.length, good.bytes.size());
    EXPECT_EQ(header.has_addresses, good.has_addresses);
    EXPECT_EQ(header.client, at(good.client));
    EXPECT_EQ(header.destination, at(good.destination));
  }
  for (size_t cut = 0; cut < good.bytes.size(); ++cut) {
    EXPECT_EQ(parse_proxy_header(std::span(good.bytes).first(cut)).state, State::incomplete) << cut;
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, GoodHeader,
    ::testing::Values(
        Good{"v1_tcp4", "PROXY TCP4 192.0.2.1 10.0.0.100 56324 443\r\n", true, "192.0.2.1:56324",
             "10.0.0.100:443"},
        Good{"v1_tcp6", "PROXY TCP6 2001:db8::7 2001:db8::64 56324 443\r\n", true,
             "[2001:db8::7]:56324", "[2001:db8::64]:443"},
        Good{"v1_longest_tcp6",
             "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
             "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
             true, "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
             "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
        Good{"v1_port_0", "PROXY TCP4 192.0.2.1 10.0.0.100 0 0\r\n", true, "192.0.2.1:0",
             "10.0.0.100:0"},
        Good{"v1_unknown", "PROXY UNKNOWN\r\n"},
        Good{"v1_unknown_with_words", "PROXY UNKNOWN ffff::1 what ever\r\n"},
        Good{"v1_unknown_longest", "PROXY UNKNOWN " + std::string(91, 'f') + "\r\n"},
        Good{"v2_tcp4", binary(0x21, 0x11, kV4Body), true, "192.0.2.1:56324", "10.0.0.100:443"},
        Good{"v2_tcp6", binary(0x21, 0x21, kV6Body), true, "[2001:db8::7]:56324",
             "[2001:db8::64]:443"},
        Good{"v2_tcp4_with_tlvs", binary(0x21, 0x11, kV4Body + "\x04\0\x02xx\xea\0\0"s), true,
             "192.0.2.1:56324", "10.0.0.100:443"},
        Good{"v2_longest", binary(0x21, 0x11, kV4Body + "\x04\x3f\xe1"s + std::string(16353, 'x')),
             true, "192.0.2.1:56324", "10.0.0.100:443"},
        Good{"v2_local", binary(0x20, 0, "")},
        Good{"v2_local_ignores_family_and_body", binary(0x20, '\xff', "ab")},
        Good{"v2_unspecified", binary(0x21, 0, "whatever")},
        Good{"v2_udp4_is_no_tcp_client", binary(0x21, 0x12, kV4Body)},
        Good{"v2_unix", binary(0x21, 0x31, std::string(216, '/'))}),
    [](const auto& each) { return std::string(each.param.name); });

struct Bad {
  const char* name;
  std::string bytes;
  const char* mistake;
};

class BadHeader : public ::testing::TestWithParam<Bad> {};

TEST_P(BadHeader, IsRefusedAndSaysWhy) {
  const ProxyHeader header = parse_proxy_header(GetParam().bytes);
  EXPECT_EQ(header.state, State::malformed);
  EXPECT_EQ(header.mistake, GetParam().mistake);
}

INSTANTIATE_TEST_SUITE_P(
    All, BadHeader,
    ::testing::Values(
        Bad{"a_request", "GET / HTTP/1.1\r\n\r\n", "there is none"},
        Bad{"a_client_hello", "\x16\x03\x01\x02", "there is none"},
        Bad{"first_byte", "x", "there is none"},
        Bad{"lower_case", "proxy TCP4 192.0.2.1 10.0.0.100 56324 443\r\n", "there is none"},
        Bad{"nearly_the_signature", "\r\n\r\n\0\r\nQUIT\r"s, "there is none"},
        Bad{"endless_line", "PROXY UNKNOWN " + std::string(200, 'f'), "its line does not end"},
        Bad{"line_of_108", "PROXY UNKNOWN " + std::string(92, 'f') + "\r\n",
            "its line does not end"},
        Bad{"only_lf", "PROXY TCP4 192.0.2.1 10.0.0.100 56324 443\n" + std::string(80, 'f'),
            "its line does not end"},
        Bad{"nothing", "PROXY \r\n", "its protocol is not TCP4, TCP6 or UNKNOWN"},
        Bad{"udp4", "PROXY UDP4 192.0.2.1 10.0.0.100 56324 443\r\n",
            "its protocol is not TCP4, TCP6 or UNKNOWN"},
        Bad{"unknownx", "PROXY UNKNOWNX\r\n", "its protocol is not TCP4, TCP6 or UNKNOWN"},
        Bad{"few_words", "PROXY TCP4 192.0.2.1 10.0.0.100 56324\r\n",
            "its line does not have two addresses and two ports"},
        Bad{"two_spaces", "PROXY TCP4  192.0.2.1 10.0.0.100 56324 443\r\n",
            "its line does not have two addresses and two ports"},
        Bad{"many_words", "PROXY TCP4 192.0.2.1 10.0.0.100 56324 443 x\r\n",
            "its line has more than two addresses and two ports"},
        Bad{"space_at_end", "PROXY TCP4 192.0.2.1 10.0.0.100 56324 443 \r\n",
            "its line ends in a space"},
        Bad{"v6_in_tcp4", "PROXY TCP4 2001:db8::7 10.0.0.100 56324 443\r\n",
            "an address is none of its protocol"},
        Bad{"v4_in_tcp6", "PROXY TCP6 2001:db8::7 10.0.0.100 56324 443\r\n",
            "an address is none of its protocol"},
        Bad{"host_name", "PROXY TCP4 localhost 10.0.0.100 56324 443\r\n",
            "an address is none of its protocol"},
        Bad{"short_address", "PROXY TCP4 10.1 10.0.0.100 56324 443\r\n",
            "an address is none of its protocol"},
        Bad{"nul_in_address", "PROXY TCP4 10.0.0.1\0 10.0.0.100 56324 443\r\n"s,
            "an address is none of its protocol"},
        Bad{"high_port", "PROXY TCP4 192.0.2.1 10.0.0.100 65536 443\r\n", "a port is none"},
        Bad{"negative_port", "PROXY TCP4 192.0.2.1 10.0.0.100 56324 -1\r\n", "a port is none"},
        Bad{"padded_port", "PROXY TCP4 192.0.2.1 10.0.0.100 56324 0443\r\n", "a port is none"},
        Bad{"cr_in_port", "PROXY TCP4 192.0.2.1 10.0.0.100 56324 44\r3\r\n", "a port is none"},
        Bad{"v2_version_1", kSignature + '\x11', "its version is not 2"},
        Bad{"v2_version_3", binary(0x31, 0x11, kV4Body), "its version is not 2"},
        Bad{"v2_command", binary(0x22, 0x11, kV4Body), "its command is neither LOCAL nor PROXY"},
        Bad{"v2_family", binary(0x21, 0x41, kV4Body), "its family or transport is unassigned"},
        Bad{"v2_transport", binary(0x21, 0x13, kV4Body), "its family or transport is unassigned"},
        Bad{"v2_short_v4", binary(0x21, 0x11, kV4Body.substr(1)),
            "it is too short for its addresses"},
        Bad{"v2_short_v6", binary(0x21, 0x21, kV4Body), "it is too short for its addresses"},
        Bad{"v2_short_unix", binary(0x21, 0x31, kV4Body), "it is too short for its addresses"},
        Bad{"v2_too_long", binary(0x21, 0x11, "", 16384 - 15), "it is longer than 16 KiB"},
        Bad{"v2_tlv_head_cut", binary(0x21, 0x11, kV4Body + "\x04\0"s), "its TLVs do not fit"},
        Bad{"v2_tlv_beyond", binary(0x21, 0x11, kV4Body + "\x04\0\x03xx"s), "its TLVs do not fit"}),
    [](const auto& each) { return std::string(each.param.name); });

TEST(ProxyHeader, WhatIsWrittenIsReadBack) {
  for (const auto version : {ProxyProtocol::v1, ProxyProtocol::v2}) {
    for (const auto& [client, destination] :
         {std::pair("192.0.2.1:1", "10.0.0.100:65535"), std::pair("[::]:0", "[::1]:8443")}) {
      const std::string bytes = written(version, at(client), at(destination));
      const ProxyHeader header = parse_proxy_header(bytes);
      EXPECT_EQ(header.state, State::complete);
      EXPECT_EQ(header.client, at(client));
      EXPECT_EQ(header.destination, at(destination));
      EXPECT_EQ(header.length, bytes.size());
    }
  }
}

/// Each byte of a good header replaced by each value: a verdict, never a crash, and never a length
/// beyond what came.
TEST(ProxyHeader, EveryChangeOfOneByteHasAVerdict) {
  for (const std::string& good : {"PROXY TCP4 192.0.2.1 10.0.0.100 56324 443\r\n"s,
                                  binary(0x21, 0x11, kV4Body + "\x04\0\x02xx"s)}) {
    for (size_t i = 0; i < good.size(); ++i) {
      for (int value = 0; value < 256; ++value) {
        std::string bytes = good;
        bytes[i] = static_cast<char>(value);
        const ProxyHeader header = parse_proxy_header(bytes);
        EXPECT_LE(header.length, bytes.size());
        EXPECT_EQ(header.mistake.empty(), header.state != State::malformed);
      }
    }
  }
}

}  // namespace
}  // namespace hapair::lbcore::relay
