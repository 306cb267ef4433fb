#include "lbcore/handover/connection_image.h"

#include <functional>

#include <gtest/gtest.h>

#include "lbcore/handover/connection_image.pb.h"

namespace hapair::lbcore::handover {
namespace {

Endpoint endpoint(std::string_view text) {
  return Endpoint::parse(text).value();
}

ConnectionImage image() {
  ConnectionImage out;
  out.listen = endpoint("10.0.0.100:80");
  out.pool = "web";
  out.server = endpoint("[fd00::50]:8080");
  out.client = endpoint("192.0.2.7:4711");
  out.client_side = {.local = endpoint("10.0.0.100:80"),
                     .remote = endpoint("10.0.0.9:40000"),
                     .sequence = 0xfffffff0,
                     .acknowledged = 5,
                     .sent = "sent",
                     .received = std::string("re\0ceived", 9),
                     .mss = 1460,
                     .sack = true,
                     .timestamps = true,
                     .timestamp = 99,
                     .scales = TcpImage::Scales{.send = 7, .receive = 14},
                     .window = {.updated_by = 0xfffffffe,
                                .send = 1000,
                                .most_send = 2000,
                                .receive = 65536,
                                .told_at = 5}};
  out.server_side = {.local = endpoint("[fd00::101]:50000"),
                     .remote = endpoint("[fd00::50]:8080"),
                     .transparent = true,
                     .acknowledged = 1};
  out.up = "GET /";
  out.down = "200";
  out.age = 90min;
  out.idle = 3s;
  out.course = {.bytes_in = 1,
                .bytes_out = 2,
                .asked_us = 3,
                .connect_us = 4,
                .request_us = 5,
                .first_byte_us = 6};
  out.from_session = true;
  out.asked = 3;
  return out;
}

TEST(ConnectionImageTest, ReadsBackAsItWasWritten) {
  const auto again = decode(encode(image()));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(*again, image());
}

TEST(ConnectionImageTest, WhatNoKernelWouldTakeIsRefused) {
  using Wire = wire::ConnectionImage;
  struct Broken {
    std::function<void(Wire&)> how;
    std::string why;
  };
  const std::vector<Broken> all{
      {[](Wire& w) { w.set_listen("here"); }, "here"},
      {[](Wire& w) { w.mutable_client_side()->clear_local(); }, ""},
      {[](Wire& w) { w.mutable_client_side()->set_local("10.0.0.100:0"); },
       "10.0.0.100:0 is not an end of a connection"},
      {[](Wire& w) { w.mutable_server_side()->set_remote("[ff02::1]:80"); },
       "[ff02::1]:80 is not an end of a connection"},
      {[](Wire& w) { w.mutable_client_side()->set_remote("[fd00::9]:40000"); },
       "its ends do not match"},
      {[](Wire& w) { w.mutable_client_side()->set_mss(20); }, "an mss of 20"},
      {[](Wire& w) { w.mutable_client_side()->set_mss(70'000); }, "an mss of 70000"},
      {[](Wire& w) { w.mutable_client_side()->set_receive_scale(15); },
       "a window scale is above 14"},
      {[](Wire& w) { w.mutable_client_side()->mutable_window()->set_send(2001); },
       "its window is larger than it ever was"},
      {[](Wire& w) { w.mutable_client_side()->mutable_window()->set_receive(2'000'000'000); },
       "a window is too large"},
      {[](Wire& w) { w.mutable_client_side()->mutable_window()->set_told_at(6); },
       "its window does not fit its sequence numbers"},
      {[](Wire& w) { w.mutable_client_side()->mutable_window()->set_updated_by(5 + 65537); },
       "its window does not fit its sequence numbers"},
      {[](Wire& w) { w.mutable_client_side()->set_sent(std::string(kMostQueued + 1, 'x')); },
       "more bytes wait than can be moved"},
      {[](Wire& w) { w.set_age_us(UINT64_MAX); }, "18446744073709551615 us are too long"},
  };
  for (const Broken& broken : all) {
    Wire bytes;
    ASSERT_TRUE(bytes.ParseFromString(encode(image())));
    broken.how(bytes);
    const auto read = decode(bytes.SerializeAsString());
    ASSERT_FALSE(read) << broken.why;
    EXPECT_NE(read.error().message.find(broken.why), std::string::npos) << read.error().message;
  }
}

TEST(ConnectionImageTest, AnImageOfAnOlderVersionLacksWhatHasADefault) {
  wire::ConnectionImage bytes;
  ASSERT_TRUE(bytes.ParseFromString(encode(image())));
  bytes.clear_course();
  bytes.clear_asked();
  bytes.clear_idle_us();
  const auto read = decode(bytes.SerializeAsString());
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->asked, 1);
  EXPECT_EQ(read->idle, Duration{0});
}

}  // namespace
}  // namespace hapair::lbcore::handover
