// The status pages of a running lbcore, asked with curl.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "tests/netns/lbcore/lbcore_lab.h"
#include "tests/support/programs.h"

namespace hapair::test {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class StatusPages : public LbcoreLab {
 protected:
  static std::string with_pages(const std::string& listen = "127.0.0.1:7480") {
    std::string text = config();
    text.insert(text.find("[service"), "status_listen = " + listen + "\n");
    return text;
  }
  /// Status line, headers and body.
  std::string curl(const std::string& path) {
    return lb().exec({"curl", "-sS", "-i", "--max-time", "5", "http://127.0.0.1:7480" + path});
  }
  static std::string value_of(const std::string& sample, const std::string& metrics) {
    const size_t at = metrics.find("\n" + sample + " ");
    if (at == std::string::npos) return "no " + sample;
    const size_t begin = at + sample.size() + 2;
    return metrics.substr(begin, metrics.find('\n', begin) - begin);
  }
  std::string body(const std::string& path) {
    return lb().exec({"curl", "-sS", "--max-time", "5", "http://127.0.0.1:7480" + path});
  }
};

TEST_F(StatusPages, TellWhatHappened) {
  start(with_pages());
  requests(30);
  EXPECT_THAT(curl("/live"), StartsWith("HTTP/1.1 200 OK"));
  EXPECT_THAT(curl("/ready"), StartsWith("HTTP/1.1 200 OK")) << "nobody elects here";

  ASSERT_TRUE(eventually(5s, [&] { return service().counters().active() == 0; }));
  const std::string metrics = curl("/metrics");
  EXPECT_THAT(metrics, HasSubstr("Content-Type: text/plain; version=0.0.4; charset=utf-8"));
  EXPECT_THAT(metrics, HasSubstr("\nhapair_service_connections_total{service=\"web\"} 30\n"));
  // Every worker counts round robin for itself: how many each server got is its counters' word.
  for (int number = 1; number <= 3; ++number) {
    const std::string server =
        fmt::format(R"({{pool="web",server="s{}",address="10.0.1.{}:8080"}})", number, 10 + number);
    const std::string served = value_of("hapair_server_connections_total" + server, metrics);
    EXPECT_NE(served, "0");
    for (const char* measured : {"connect", "first_byte", "connection"}) {
      EXPECT_EQ(value_of(fmt::format("hapair_server_{}_seconds_count", measured) + server, metrics),
                served)
          << measured << " of s" << number;
    }
  }

  const json services = json::parse(body("/api/v1/services.json"));
  const json& latency = services.at("services").at(0).at("latency_us");
  EXPECT_EQ(latency.at("connect").at("count"), 30);
  EXPECT_GT(latency.at("connect").at("p50"), 0) << "finer than the loop's time";
  EXPECT_LE(latency.at("connect").at("p50"), latency.at("connect").at("p99"));
  EXPECT_TRUE(json::parse(body("/api/v1/status.json")).at("serving"));
  EXPECT_EQ(json::parse(body("/api/v1/sessions.json")).at("pools").at(0).at("name"), "web");
}

TEST_F(StatusPages, AnAddressInUseIsTroubleAndAReloadMovesThem) {
  start(with_pages("10.0.0.1:80"));  // free: the service has 10.0.0.100:80
  EXPECT_TRUE(status().troubles().empty());
  Process blocker(Launch{.argv = {programs::origin(), "--name", "x", "--listen", "127.0.0.1:7480"},
                         .in = &lb()});
  ASSERT_TRUE(blocker.wait_for_output("listening", 5s));
  reload(with_pages());
  ASSERT_EQ(status().troubles_size(), 1);
  EXPECT_THAT(status().troubles(0), HasSubstr("127.0.0.1:7480: Address already in use"));
  EXPECT_TRUE(status().serving()) << "it only is not seen";
  EXPECT_TRUE(get().ok());
  blocker.terminate(5s);
  EXPECT_TRUE(eventually(5s, [&] { return status().troubles().empty(); }));
  EXPECT_THAT(curl("/live"), StartsWith("HTTP/1.1 200 OK"));
}

}  // namespace
}  // namespace hapair::test
