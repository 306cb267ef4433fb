// Golden lines: what operators' scripts read.
#include "lbcore/observe/access_line.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace hapair::lbcore::observe {
namespace {

using nlohmann::json;

const TimePoint kAccepted{1000s};
// 2026-11-21T12:00:00Z is 1795262400 s after 1970.
constexpr std::chrono::system_clock::duration kWall{1795262400s - 1000s};

class AccessLine : public ::testing::Test {
 protected:
  AccessLine() {
    Spec spec;
    spec.pools.push_back(
        {.name = "web",
         .servers = {{.name = "a", .address = Endpoint::parse("10.0.1.11:8080").value()}}});
    spec.services.push_back(
        {.name = "front", .listen = Endpoint::parse("10.0.0.100:80").value(), .pool = "web"});
    const auto topology = registry.build(spec);
    record.service = topology->services[0];
    record.client = Endpoint::parse("192.0.2.7:50123").value();
    record.trace = Trace(kAccepted);
    record.ended = kAccepted + 1500ms;
  }
  void serve() {
    record.server = record.service->pool->servers[0].live;
    record.asked = 1;
    record.trace.asked(kAccepted + 42us);
    record.trace.connected(kAccepted + 392us);
    record.trace.from_client(100, kAccepted + 1ms);
    record.trace.from_server(2000, kAccepted + 13ms);
  }
  [[nodiscard]] std::string line(AccessFormat format = AccessFormat::text) const {
    std::string out;
    append_line(out, record, format, kWall);
    return out;
  }

  Registry registry;
  AccessRecord record;
};

TEST_F(AccessLine, OfAnOrderlyConnection) {
  serve();
  EXPECT_EQ(line(),
            "2026-11-21T12:00:00.000Z 192.0.2.7:50123 front web/a 0.042/0.350/12.000/1500.000 "
            "100/2000 -- 0 scheduler\n");
}

TEST_F(AccessLine, OfAClientThatFoundNoServer) {
  record.trace.ended(EndedBy::no_server, During::queue);
  EXPECT_EQ(line(),
            "2026-11-21T12:00:00.000Z 192.0.2.7:50123 front web/- -/-/-/1500.000 0/0 NQ 0 none\n");
}

TEST_F(AccessLine, OfASessionWhoseServerWasAskedSecond) {
  serve();
  record.asked = 2;
  record.from_session = true;
  record.trace.ended(EndedBy::server, During::data);
  EXPECT_TRUE(line().ends_with(" SD 1 session\n")) << line();
}

TEST_F(AccessLine, OfAServerThatAReloadTookAway) {
  serve();
  record.server = registry.server("web", Endpoint::parse("10.0.1.12:8080").value());
  EXPECT_NE(line().find(" web/10.0.1.12:8080 "), std::string::npos) << line();
}

TEST_F(AccessLine, AsJson) {
  serve();
  const json told = json::parse(line(AccessFormat::json));
  EXPECT_EQ(told.at("time"), "2026-11-21T12:00:00.000Z");
  EXPECT_EQ(told.at("client"), "192.0.2.7:50123");
  EXPECT_EQ(told.at("service"), "front");
  EXPECT_EQ(told.at("pool"), "web");
  EXPECT_EQ(told.at("server"), "a");
  EXPECT_EQ(told.at("address"), "10.0.1.11:8080");
  EXPECT_EQ(told.at("queue_ms"), 0.042);
  EXPECT_EQ(told.at("connect_ms"), 0.35);
  EXPECT_EQ(told.at("first_byte_ms"), 12.0);
  EXPECT_EQ(told.at("total_ms"), 1500.0);
  EXPECT_EQ(told.at("bytes_in"), 100);
  EXPECT_EQ(told.at("bytes_out"), 2000);
  EXPECT_EQ(told.at("end"), "--");
  EXPECT_EQ(told.at("retries"), 0);
  EXPECT_EQ(told.at("chosen_by"), "scheduler");
}

TEST_F(AccessLine, JsonOfWhatNeverHappenedIsNull) {
  record.trace.ended(EndedBy::limit, During::admission);
  const json told = json::parse(line(AccessFormat::json));
  EXPECT_TRUE(told.at("queue_ms").is_null());
  EXPECT_TRUE(told.at("connect_ms").is_null());
  EXPECT_TRUE(told.at("first_byte_ms").is_null());
  EXPECT_EQ(told.at("end"), "LA");
  EXPECT_EQ(told.at("server"), "");
}

}  // namespace
}  // namespace hapair::lbcore::observe
