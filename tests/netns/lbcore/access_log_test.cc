// The access log of a running lbcore: real connections, each termination state that a namespace can
// provoke, rotation.
#include <csignal>
#include <filesystem>
#include <sstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>

#include "tests/netns/lbcore/lbcore_lab.h"

namespace hapair::test {
namespace {

using nlohmann::json;
using ::testing::EndsWith;
using ::testing::MatchesRegex;

class AccessLog : public LbcoreLab {
 protected:
  std::string path() { return run_dir() + "-access.log"; }
  std::string with_log(const std::string& pool, const std::string& format = "text") {
    std::string text = config(pool);
    text.insert(text.find("[service"),
                fmt::format("access_log = {}\naccess_log_format = {}\n", path(), format));
    return text;
  }
  static std::vector<std::string> lines_of(const std::string& file) {
    std::vector<std::string> lines;
    if (!std::filesystem::exists(file)) return lines;
    std::istringstream text(read_file(file));
    for (std::string line; std::getline(text, line) && !text.eof();) lines.push_back(line);
    return lines;
  }
  /// The lines, once there are so many.
  std::vector<std::string> lines(size_t count) { return lines(path(), count); }
  static std::vector<std::string> lines(const std::string& file, size_t count) {
    EXPECT_TRUE(eventually(5s, [&] { return lines_of(file).size() >= count; }));
    return lines_of(file);
  }
  static void break_off(UniqueFd fd) {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }
};

TEST_F(AccessLog, ALinePerConnectionWithHowItEnded) {
  // No checks: what refuses is asked.
  start(with_log("scheduler = rr\ncheck = none\n"));
  ASSERT_TRUE(get().ok());
  EXPECT_THAT(lines(1).at(0),
              MatchesRegex("20..-..-..T..:..:..\\....Z 10\\.0\\.0\\.10:[0-9]+ web web/s[123] "
                           "[0-9]+\\.[0-9][0-9][0-9]/[0-9]+\\.[0-9][0-9][0-9]/"
                           "[0-9]+\\.[0-9][0-9][0-9]/[0-9]+\\.[0-9][0-9][0-9] "
                           "[0-9]+/[0-9]+ -- 0 scheduler"));

  UniqueFd client = connect_from(this->client(), vip());
  ASSERT_TRUE(test::get(client.get(), "/").ok());
  break_off(std::move(client));
  EXPECT_THAT(lines(2).at(1), EndsWith(" CD 0 scheduler"));

  for (size_t number = 1; number <= 3; ++number) origin(number).reset();
  EXPECT_FALSE(get().ok());
  EXPECT_THAT(lines(3).at(2), EndsWith(" 0/0 SC 2 scheduler"));
}

TEST_F(AccessLog, JsonRotationAndTheEnd) {
  std::string text = with_log(kPool, "json");
  text.replace(text.find("drain_timeout = 5s"), 18, "drain_timeout = 0");
  start(text);
  ASSERT_TRUE(get().ok());
  const json told = json::parse(lines(1).at(0));
  EXPECT_EQ(told.at("service"), "web");
  EXPECT_EQ(told.at("end"), "--");
  EXPECT_GT(told.at("connect_ms"), 0);
  EXPECT_GT(told.at("first_byte_ms"), 0);
  EXPECT_GE(told.at("total_ms"), told.at("first_byte_ms"));

  std::filesystem::rename(path(), path() + ".1");
  lbcore().signal(SIGUSR1);
  ASSERT_TRUE(eventually(5s, [&] { return std::filesystem::exists(path()); }));
  const UniqueFd open = connect_from(client(), vip());
  ASSERT_TRUE(test::get(open.get(), "/").ok());
  EXPECT_EQ(lbcore().terminate(5s).code, 0);
  EXPECT_EQ(json::parse(lines(1).at(0)).at("end"), "KD") << "written before the end";
  EXPECT_EQ(lines_of(path() + ".1").size(), 1U);
}

}  // namespace
}  // namespace hapair::test
