// Rings, the writer and its file: nothing waits, nothing is lost unless it is counted.
#include "lbcore/observe/access_log.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <thread>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/files.h"
#include "tests/support/wait.h"

namespace hapair::lbcore::observe {
namespace {

using hapair::test::eventually;
using hapair::test::read_file;
using hapair::test::TempDir;
using ::testing::HasSubstr;

class AccessLogTest : public ::testing::Test {
 protected:
  AccessLogTest() {
    Spec spec;
    spec.pools.push_back({.name = "web"});
    spec.services.push_back(
        {.name = "web", .listen = Endpoint::parse("10.0.0.100:80").value(), .pool = "web"});
    service = registry.build(spec)->services[0];
  }
  [[nodiscard]] AccessRecord record(uint16_t port = 1) const {
    AccessRecord out;
    out.service = service;
    out.client = {IpAddress::v4(0x0a000001), port};
    return out;
  }
  static size_t lines_in(const std::string& path) {
    if (!std::filesystem::exists(path)) return 0;
    const std::string text = read_file(path);
    return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
  }
  void configure(const std::string& target, AccessFormat format = AccessFormat::text) {
    access.configure({.target = target, .format = format});
  }

  TempDir dir;
  const std::string path = dir / "access.log";
  Logger log{"test"};
  Registry registry;
  std::shared_ptr<const Service> service;
  AccessLog access{log, 2};
};

TEST_F(AccessLogTest, NobodyWantsRecordsWithoutATarget) {
  EXPECT_FALSE(access.ring(0).wanted());
  configure(path);
  EXPECT_TRUE(access.ring(0).wanted());
  configure("");
  EXPECT_FALSE(access.ring(1).wanted());
}

TEST_F(AccessLogTest, LinesOfAllWorkersArrive) {
  configure(path);
  access.ring(0).push(record(1));
  access.ring(1).push(record(2));
  EXPECT_TRUE(eventually(5s, [&] { return lines_in(path) == 2; }));
  EXPECT_THAT(read_file(path), HasSubstr(" 10.0.0.1:1 web web/- "));
  EXPECT_EQ(access.lines(), 2U);
  EXPECT_EQ(access.dropped(), 0U);
}

TEST_F(AccessLogTest, AFullRingDropsAndCounts) {
  AccessRing ring;
  ring.want(true);
  for (size_t i = 0; i < AccessRing::kSlots; ++i) {
    EXPECT_EQ(ring.push(record()), i + 1 == AccessRing::kSlots / 2) << i;
  }
  EXPECT_FALSE(ring.push(record()));
  EXPECT_EQ(ring.dropped(), 1U);
  size_t taken = 0;
  ring.drain([&](const AccessRecord&) { ++taken; });
  EXPECT_EQ(taken, AccessRing::kSlots);
  ring.push(record());
  EXPECT_EQ(ring.dropped(), 1U);
  EXPECT_EQ(ring.pushed(), AccessRing::kSlots + 1);
}

TEST_F(AccessLogTest, ARingKeepsOrderBetweenTwoThreads) {
  AccessRing ring;
  ring.want(true);
  constexpr uint16_t kRecords = 60'000;
  std::thread worker([&] {
    for (uint16_t i = 1; i <= kRecords; ++i) ring.push(record(i));
  });
  uint16_t last = 0;
  uint64_t taken = 0;
  while (taken + ring.dropped() < kRecords) {
    ring.drain([&](const AccessRecord& next) {
      EXPECT_GT(next.client.port, last);
      last = next.client.port;
      ++taken;
    });
  }
  worker.join();
  EXPECT_EQ(ring.pushed(), taken);
}

TEST_F(AccessLogTest, ARenamedFileIsLeftAtReopen) {
  configure(path);
  access.ring(0).push(record());
  ASSERT_TRUE(eventually(5s, [&] { return lines_in(path) == 1; }));
  std::filesystem::rename(path, path + ".1");
  access.ring(0).push(record());
  ASSERT_TRUE(eventually(5s, [&] { return lines_in(path + ".1") == 2; }));
  access.reopen();
  ASSERT_TRUE(eventually(5s, [&] { return std::filesystem::exists(path); }));
  access.ring(0).push(record());
  EXPECT_TRUE(eventually(5s, [&] { return lines_in(path) == 1; }));
  EXPECT_EQ(lines_in(path + ".1"), 2U);
}

TEST_F(AccessLogTest, AFolderThatIsNotThereIsTroubleUntilItIs) {
  const std::string later = dir / "later";
  configure(later + "/access.log");
  ASSERT_TRUE(eventually(5s, [&] { return !access.trouble().empty(); }));
  EXPECT_THAT(access.trouble(), HasSubstr("No such file or directory"));
  access.ring(0).push(record());
  EXPECT_TRUE(eventually(5s, [&] { return access.dropped() == 1; }));
  std::filesystem::create_directory(later);
  EXPECT_TRUE(eventually(5s, [&] { return access.trouble().empty(); }));
  access.ring(0).push(record());
  EXPECT_TRUE(eventually(5s, [&] { return lines_in(later + "/access.log") == 1; }));
}

TEST_F(AccessLogTest, APipeThatNobodyReadsHoldsNobodyUp) {
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const UniqueFd reader(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  ASSERT_TRUE(reader.valid());
  configure(path);
  const TimePoint deadline = Clock::now() + 20s;
  while (access.dropped() == 0 && Clock::now() < deadline) {
    for (int i = 0; i < 500; ++i) access.ring(0).push(record());
    std::this_thread::sleep_for(1ms);
  }
  EXPECT_GT(access.dropped(), 0U);
}

TEST_F(AccessLogTest, TheRestIsWrittenAtTheEnd) {
  {
    AccessLog shortly(log, 1);
    shortly.configure({.target = path});
    for (int i = 0; i < 1000; ++i) shortly.ring(0).push(record());
  }
  EXPECT_EQ(lines_in(path), 1000U);
}

TEST_F(AccessLogTest, TheFormatChangesWithoutANewFile) {
  configure(path);
  access.ring(0).push(record());
  ASSERT_TRUE(eventually(5s, [&] { return lines_in(path) == 1; }));
  configure(path, AccessFormat::json);
  access.ring(0).push(record());
  ASSERT_TRUE(eventually(5s, [&] { return lines_in(path) == 2; }));
  EXPECT_THAT(read_file(path), HasSubstr("\n{\"time\":"));
}

}  // namespace
}  // namespace hapair::lbcore::observe
