// A death that is noticed, whatever its cause.
#include "vrrpd/guardian/lifeline.h"

#include <csignal>

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/unique_fd.h"

namespace hapair::vrrp {
namespace {

class LifelineTest : public testing::Test {
 protected:
  /// A child that holds the lifeline, says so, and then does as told.
  pid_t start(void (*life)()) {
    const UniqueFd held(::eventfd(0, EFD_CLOEXEC));
    const pid_t pid = ::fork();
    if (pid == 0) {
      lifeline_.hold();
      ::eventfd_write(held.get(), 1);
      life();
      ::_exit(0);
    }
    eventfd_t ignored = 0;
    ::eventfd_read(held.get(), &ignored);
    lifeline_.watch([this] { ::eventfd_write(dead_.get(), 1); });
    return pid;
  }
  [[nodiscard]] bool told(int within_ms) const {
    pollfd fd{.fd = dead_.get(), .events = POLLIN, .revents = 0};
    return ::poll(&fd, 1, within_ms) == 1;
  }

  UniqueFd dead_{::eventfd(0, EFD_CLOEXEC)};
  Lifeline lifeline_;
};

TEST_F(LifelineTest, a_living_holder_is_not_dead) {
  const pid_t pid = start([] { ::pause(); });
  EXPECT_FALSE(told(50));
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  EXPECT_TRUE(told(5000));
}

TEST_F(LifelineTest, tells_of_a_kill_before_anybody_waits_for_the_child) {
  const pid_t pid = start([] { ::pause(); });
  ::kill(pid, SIGKILL);
  EXPECT_TRUE(told(5000));
  ::waitpid(pid, nullptr, 0);
}

TEST_F(LifelineTest, tells_of_an_exit) {
  const pid_t pid = start([] {});
  EXPECT_TRUE(told(5000));
  ::waitpid(pid, nullptr, 0);
}

}  // namespace
}  // namespace hapair::vrrp
