#include "common/log.h"

#include <array>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <regex>
#include <string>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/unique_fd.h"

namespace hapair {
namespace {

/// Standard error goes into a pipe for a while.
class StderrPipe {
 public:
  StderrPipe() : saved_(::dup(STDERR_FILENO)) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    read_.reset(ends[0]);
    ::dup2(ends[1], STDERR_FILENO);
    ::close(ends[1]);
  }
  ~StderrPipe() { restore(); }

  void restore() {
    if (saved_) ::dup2(saved_.get(), STDERR_FILENO);
    saved_.reset();
  }

  std::string read_some() {
    std::array<char, 4096> buffer{};
    const ssize_t got = ::read(read_.get(), buffer.data(), buffer.size());
    return got > 0 ? std::string(buffer.data(), static_cast<size_t>(got)) : std::string();
  }

  [[nodiscard]] bool has_more() const {
    pollfd waiting{.fd = read_.get(), .events = POLLIN, .revents = 0};
    return ::poll(&waiting, 1, 0) == 1;
  }

  std::string read_all() {
    restore();  // the last writing end: after what is in the pipe comes its end
    std::string text;
    for (std::string more = read_some(); !more.empty(); more = read_some()) text += more;
    return text;
  }

 private:
  UniqueFd saved_;
  UniqueFd read_;
};

TEST(Logger, OneLineWithStampLevelAndSubsystem) {
  StderrPipe pipe;
  { Logger("vrrpd").info("vrrp main", "Backup -> Active ({})", "peer silent for 36 ms"); }
  EXPECT_TRUE(std::regex_match(
      pipe.read_all(),
      std::regex(
          R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z vrrpd\[\d+\] info: vrrp main: Backup -> Active \(peer silent for 36 ms\)\n)")));
}

TEST(Logger, UnderAJournalTheLevelIsSyslogs) {
  ::setenv("JOURNAL_STREAM", "1:2", 1);
  StderrPipe pipe;
  {
    Logger log("lbcore");
    log.remote("pair link", "key does not match");
    log.environment("config", "no such file");
  }
  ::unsetenv("JOURNAL_STREAM");
  EXPECT_EQ(pipe.read_all(), "<4>pair link: key does not match\n<3>config: no such file\n");
}

TEST(Logger, DebugIsSilentUnlessAskedFor) {
  StderrPipe pipe;
  { Logger("x").debug("a", "b"); }
  EXPECT_EQ(pipe.read_all(), "");
}

TEST(Logger, AReaderThatStallsNeverDelaysTheCallerAndTheLossIsTold) {
  StderrPipe pipe;
  auto log = std::make_unique<Logger>("x");
  // Far more than the pipe and the ring hold; nobody reads, and yet every call returns.
  for (int i = 0; i < 20000; ++i) log->info("flood", "line {} {}", i, std::string(100, '.'));
  // Only now somebody reads, until the last line: the writer gets through, and says what is
  // missing.
  std::thread closing([&] {
    log.reset();
    pipe.restore();
  });
  std::string text;
  for (std::string more = pipe.read_some(); !more.empty(); more = pipe.read_some()) text += more;
  closing.join();
  EXPECT_NE(text.find("were dropped"), std::string::npos);
  EXPECT_NE(text.find("flood: line 0 "), std::string::npos);
}

// The writer may be inside the allocator, whose lock would stay taken in the child: seen with the
// address sanitizer, one start in a hundred.
TEST(Logger, AChildForkedWhileTheWriterIsKeptStillCanWork) {
  StderrPipe pipe;
  for (int i = 0; i < 100; ++i) {
    Logger log("x");
    for (int line = 0; line < 3; ++line) log.info("flood", "{}", std::string(200, '.'));
    pid_t child = -1;
    {
      const auto still = log.keep_writer_still();
      child = ::fork();
    }
    if (child == 0) {
      const auto memory = std::make_unique<std::string>(1000, '.');
      ::_exit(memory->size() == 1000 ? 0 : 1);
    }
    const UniqueFd end(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
    pollfd ended{.fd = end.get(), .events = POLLIN, .revents = 0};
    EXPECT_EQ(::poll(&ended, 1, 5000), 1) << "the child of round " << i << " hangs";
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0);
    while (pipe.has_more()) pipe.read_some();
  }
}

}  // namespace
}  // namespace hapair
