// role.sock as vrrpd sees it: the test is vrrpd.
#include <csignal>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "common/control_socket.h"
#include "common/schema/role.pb.h"
#include "tests/netns/lbcore/lbcore_lab.h"

namespace hapair::test {
namespace {

class RoleTest : public LbcoreLab {
 protected:
  ControlClient connect() {
    auto vrrpd = ControlClient::connect(run_dir() + "/role.sock");
    if (!vrrpd) throw std::runtime_error(vrrpd.error().message);
    return std::move(*vrrpd);
  }
  static role::Serving next(ControlClient& vrrpd, Duration within = 2s) {
    const auto bytes = vrrpd.receive(within);
    role::Serving serving;
    EXPECT_TRUE(bytes) << bytes.error().message;
    if (bytes) {
      EXPECT_TRUE(serving.ParseFromString(*bytes));
    }
    return serving;
  }
  static void say(ControlClient& vrrpd, role::State state) {
    role::NodeRole message;
    role::Router& router = *message.add_routers();
    router.set_name("main");
    router.set_state(state);
    router.add_addresses("10.0.0.100/24");
    ASSERT_TRUE(vrrpd.send(message.SerializeAsString(), 2s));
  }
  /// The id of the thread with this name.
  pid_t thread(const std::string& name) {
    const std::string tasks = "/proc/" + std::to_string(lbcore().pid()) + "/task";
    for (const auto& entry : std::filesystem::directory_iterator(tasks)) {
      std::ifstream comm(entry.path() / "comm");
      std::string found;
      std::getline(comm, found);
      if (found == name) return std::stoi(entry.path().filename());
    }
    ADD_FAILURE() << "no thread " << name;
    return -1;
  }
};

TEST_F(RoleTest, TheLeaseIsRenewedFourTimesAsOftenAsItLapses) {
  start(config());
  ControlClient vrrpd = connect();
  const role::Serving first = next(vrrpd);
  EXPECT_TRUE(first.serving());
  EXPECT_EQ(first.lease_ms(), 500U);
  EXPECT_TRUE(first.in_sync()) << "there is nobody to sync with";
  EXPECT_EQ(first.sync_state(), "alone");
  const TimePoint begin = Clock::now();
  for (int i = 0; i < 8; ++i) EXPECT_TRUE(next(vrrpd).serving());
  EXPECT_NEAR(static_cast<double>((Clock::now() - begin) / 1ms), 1000.0, 300.0);
}

TEST_F(RoleTest, RolesShowInTheStatusAndTheEndOfVrrpdToo) {
  start(config());
  EXPECT_FALSE(status().vrrpd_connected());
  {
    ControlClient vrrpd = connect();
    say(vrrpd, role::STATE_ACTIVE);
    ASSERT_TRUE(eventually(2s, [&] { return status().routers_size() == 1; }));
    EXPECT_TRUE(status().vrrpd_connected());
    EXPECT_EQ(status().routers(0).state(), role::STATE_ACTIVE);
    EXPECT_TRUE(lbcore().wait_for_output("role: this node is Active", 2s));
  }
  EXPECT_TRUE(eventually(2s, [&] { return !status().vrrpd_connected(); }));
  EXPECT_EQ(status().routers_size(), 0);
}

TEST_F(RoleTest, ANewVrrpdCountsAlthoughTheOldSocketIsOpen) {
  start(config());
  ControlClient old = connect();
  say(old, role::STATE_ACTIVE);
  ASSERT_TRUE(eventually(2s, [&] { return status().routers_size() == 1; }));
  ControlClient fresh = connect();
  say(fresh, role::STATE_BACKUP);
  ASSERT_TRUE(eventually(2s, [&] {
    const control::NodeStatus node = status();
    return node.routers_size() == 1 && node.routers(0).state() == role::STATE_BACKUP;
  }));
  say(old, role::STATE_ACTIVE);
  EXPECT_TRUE(holds_for(100ms, [&] { return status().routers(0).state() == role::STATE_BACKUP; }));
}

TEST_F(RoleTest, GarbageEndsTheConnectionAndNothingElse) {
  start(config());
  ControlClient vrrpd = connect();
  ASSERT_TRUE(vrrpd.send("\xff\xff\xff garbage", 2s));
  bool ended = false;
  for (int i = 0; i < 20 && !ended; ++i) ended = !vrrpd.receive(1s);
  EXPECT_TRUE(ended);
  EXPECT_TRUE(status().serving());
}

TEST_F(RoleTest, ALostCheckOrPortIsToldAtOnce) {
  start(config());
  ControlClient vrrpd = connect();
  EXPECT_TRUE(next(vrrpd).serving());
  lbcore().signal(SIGTERM);
  role::Serving told;
  for (int i = 0; i < 3 && told.reason().empty(); ++i) told = next(vrrpd);
  EXPECT_FALSE(told.serving());
  EXPECT_EQ(told.reason(), "stopping");
}

TEST_F(RoleTest, TheAddressesMoveBeforeTheListenersClose) {
  start(config());
  ControlClient vrrpd = connect();
  say(vrrpd, role::STATE_ACTIVE);
  ASSERT_TRUE(lbcore().wait_for_output("role: this node is Active", 2s));
  lbcore().signal(SIGTERM);
  role::Serving told;
  for (int i = 0; i < 3 && told.reason().empty(); ++i) told = next(vrrpd);
  ASSERT_EQ(told.reason(), "stopping");
  EXPECT_TRUE(get().ok()) << "still here while the VIP is";
  say(vrrpd, role::STATE_BACKUP);
  EXPECT_TRUE(lbcore().wait(3s));
}

TEST_F(RoleTest, AHungWorkerEndsTheLease) {
  start(config());
  ControlClient vrrpd = connect();
  next(vrrpd);
  const pid_t worker = thread("worker-1");
  // Stops this one thread and no other.
  ASSERT_EQ(::ptrace(PTRACE_SEIZE, worker, nullptr, nullptr), 0) << std::strerror(errno);
  ASSERT_EQ(::ptrace(PTRACE_INTERRUPT, worker, nullptr, nullptr), 0);
  int how = 0;
  ASSERT_EQ(::waitpid(worker, &how, __WALL), worker);

  TimePoint last_good = Clock::now();
  role::Serving told;
  for (int i = 0; i < 20; ++i) {
    told = next(vrrpd);
    if (!told.serving()) break;
    last_good = Clock::now();
  }
  EXPECT_THAT(told.reason(), ::testing::StartsWith("worker 1 has hung for"));
  EXPECT_GE(Clock::now() - last_good, 400ms) << "merely not renewed at first";

  ASSERT_EQ(::ptrace(PTRACE_DETACH, worker, nullptr, nullptr), 0);
  EXPECT_TRUE(eventually(2s, [&] { return next(vrrpd).serving(); }));
}

}  // namespace
}  // namespace hapair::test
