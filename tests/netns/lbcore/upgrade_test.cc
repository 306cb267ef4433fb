// A new lbcore in the place of the old one, under traffic: nobody is refused, nothing is forgotten,
// and an upgrade that fails changes nothing.
#include <atomic>
#include <csignal>
#include <filesystem>
#include <mutex>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "common/control_socket.h"
#include "common/framing.h"
#include "common/schema/role.pb.h"
#include "tests/netns/lbcore/lbcore_lab.h"
#include "tests/netns/lbcore/udp.h"
#include "tests/support/programs.h"

namespace hapair::test {
namespace {

using ::testing::HasSubstr;

class Upgrade : public LbcoreLab {
 protected:
  void SetUp() override {
    LbcoreLab::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    // Who replaces the old process is nobody's child: here it becomes this program's.
    ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    binary_ = dir_ / "lbcore";
    original_ = programs::lbcore();
    install(original_);
    ASSERT_EQ(::setenv("HAPAIR_LBCORE", binary_.c_str(), 1), 0);
  }
  void TearDown() override {
    stop_clients();
    if (heir_ > 0) {
      ::kill(heir_, SIGKILL);
      ::waitpid(heir_, nullptr, 0);
    }
    ::unsetenv("HAPAIR_LBCORE");
    LbcoreLab::TearDown();
  }

  /// As a package does it: another file takes the name.
  void install(const std::string& program) {
    std::filesystem::copy_file(program, binary_ + ".new");
    std::filesystem::rename(binary_ + ".new", binary_);
  }
  Finished run_upgrade(Duration within = 45s) {
    return run_program({.argv = {programs::pairadm(), "upgrade", "--run-dir", run_dir()}}, within);
  }
  /// The process that serves now, by the lock's word.
  [[nodiscard]] pid_t holder() const {
    return static_cast<pid_t>(std::stol(read_file(run_dir() + "/lbcore.lock")));
  }
  void upgrade() {
    const pid_t before = heir_;
    const Finished done = run_upgrade();
    ASSERT_TRUE(done.ok()) << done.err;
    EXPECT_THAT(done.out, HasSubstr("serves instead of"));
    heir_ = holder();
    EXPECT_NE(heir_, before);
    EXPECT_THAT(done.out, HasSubstr(fmt::format("(pid {}) serves", heir_)));
    if (before > 0) older_.push_back(before);
  }
  /// How a process that was started by an upgrade has ended.
  std::optional<int> exit_of(pid_t pid, Duration within) {
    int how = -1;
    const bool ended =
        static_cast<bool>(eventually(within, [&] { return ::waitpid(pid, &how, WNOHANG) == pid; }));
    if (pid == heir_) heir_ = 0;
    return ended ? std::optional<int>(how) : std::nullopt;
  }

  /// Connects, asks and closes without pause.
  void start_clients(int count) {
    for (int i = 0; i < count; ++i) {
      threads_.emplace_back([this] {
        while (!stop_) {
          const Answer answer = get();
          if (answer.ok()) {
            ++good;
            continue;
          }
          ++bad;
          const std::lock_guard lock(mutex_);
          last_error = answer.error;
        }
      });
    }
    let_flow();
  }
  void let_flow() {
    const int before = good;
    ASSERT_TRUE(eventually(10s, [&] { return good > before + 100; }));
  }
  void stop_clients() {
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  static std::string with_workers(int count, const std::string& text) {
    std::string out = text;
    out.replace(out.find("workers = 2"), 11, fmt::format("workers = {}", count));
    return out;
  }

  std::string binary_;
  std::string original_;
  std::atomic<int> good{0};
  std::atomic<int> bad{0};
  std::string last_error;
  std::vector<pid_t> older_;

 private:
  TempDir dir_;
  pid_t heir_ = 0;
  std::mutex mutex_;
  std::atomic<bool> stop_{false};
  std::vector<std::thread> threads_;
};

TEST_F(Upgrade, RefusesNobodyAndCutsNothingShort) {
  start(config());
  const UniqueFd slow = connect_from(client(), vip());
  Answer download;
  std::jthread reader([&] {
    download = test::get(slow.get(), "/big?bytes=40000000", size_t{1} << 17);
    ::shutdown(slow.get(), SHUT_RDWR);
  });
  EXPECT_TRUE(eventually(5s, [&] { return service().counters().bytes_out() > 100000; }));
  start_clients(4);
  upgrade();
  let_flow();
  // More sockets than there were, then fewer: each queue has an owner.
  write_config(with_workers(3, config()));
  upgrade();
  let_flow();
  write_config(with_workers(1, config()));
  upgrade();
  let_flow();
  stop_clients();
  EXPECT_EQ(bad, 0) << last_error;
  reader.join();
  EXPECT_TRUE(download.intact()) << download.error;
  EXPECT_THAT(lbcore().err(), ::testing::Not(HasSubstr("were still open")));
  const auto exit = lbcore().wait(5s);
  ASSERT_TRUE(exit) << "its last connection has ended";
  EXPECT_EQ(exit->code, 0);
  ASSERT_EQ(older_.size(), 2U);
  for (const pid_t pid : older_) EXPECT_EQ(exit_of(pid, 5s), 0);
  EXPECT_TRUE(get().ok());
}

TEST_F(Upgrade, TheOldProcessEndsByItsDeadline) {
  std::string text = config();
  text.insert(text.find("workers"), "upgrade_timeout = 200ms\n");
  start(text);
  const UniqueFd open = connect_from(client(), vip());
  ASSERT_TRUE(test::get(open.get(), "/").ok());
  upgrade();
  const auto exit = lbcore().wait(5s);
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->code, 0);
  EXPECT_THAT(lbcore().err(), HasSubstr("1 connections were still open and are reset"));
  EXPECT_FALSE(test::get(open.get(), "/").ok());
  EXPECT_TRUE(get().ok());
}

TEST_F(Upgrade, ThatFailsChangesNothing) {
  start(config());
  const pid_t pid = lbcore().pid();
  const auto expect_serving = [&] {
    EXPECT_EQ(holder(), pid);
    EXPECT_TRUE(get().ok());
    EXPECT_TRUE(status().serving());
  };

  write_config("[service web]\nlisten = tcp 10.0.0.100:80\npool = nope\n");
  Finished failed = run_upgrade();
  EXPECT_EQ(failed.exit.code, 255);
  EXPECT_THAT(failed.err, HasSubstr("[service web]: pool: there is no [pool nope]"));
  expect_serving();

  const UniqueFd other = listen_in(lb(), vip(81));
  write_config(config(kPool, "[service more]\nlisten = tcp 10.0.0.100:81\npool = web\n"));
  failed = run_upgrade();
  EXPECT_THAT(failed.err, HasSubstr("listen on tcp 10.0.0.100:81: Address already in use"));
  expect_serving();
  write_config(config());

  std::filesystem::remove(binary_);
  failed = run_upgrade();
  EXPECT_EQ(failed.err,
            fmt::format("pairadm: upgrade: start {}: No such file or directory\n", binary_));
  expect_serving();

  write_file(binary_, "#!/bin/sh\nexit 3\n");
  std::filesystem::permissions(binary_, std::filesystem::perms::owner_all);
  failed = run_upgrade();
  EXPECT_EQ(failed.err, "pairadm: upgrade: it ended before it served; its log says why\n");
  expect_serving();

  // A program that does not know of upgrades finds the lock taken.
  write_file(binary_,
             fmt::format("#!/bin/sh\nunset HAPAIR_UPGRADE_CHANNEL\nexec {} \"$@\"\n", original_));
  std::filesystem::permissions(binary_, std::filesystem::perms::owner_all);
  EXPECT_EQ(run_upgrade().exit.code, 255);
  expect_serving();

  // And one that works is as good as ever.
  install(original_);
  upgrade();
  EXPECT_NE(holder(), pid);
  EXPECT_TRUE(get().ok());
}

TEST_F(Upgrade, NothingThatIsKnownIsForgotten) {
  const std::string more =
      "[service names]\nlisten = udp 10.0.0.100:53\npool = names\n"
      "[pool names]\ncheck = none\n[server names/n]\naddress = 10.0.1.11:53\n";
  std::string text = config(std::string(kPool) + "sticky = source/32 10m\n", more);
  text.insert(text.find("workers"), "status_listen = 127.0.0.1:7480\n");
  start(text);
  const DatagramServer names(server(1), "n", Endpoint::parse("10.0.1.11:53").value());
  DatagramClient resolver(client(), vip(53));
  EXPECT_EQ(resolver.ask("one"), "n one");
  const std::string mine = get().server;
  for (int i = 2; i <= 9; ++i) {
    ASSERT_TRUE(get("/", IpAddress::parse(fmt::format("10.1.0.{}", i)).value()).ok());
  }
  control::Request drain;
  control::ServerEdit& edit = *drain.mutable_edit_server();
  edit.mutable_key()->mutable_service()->set_listen("10.0.0.100:80");
  edit.mutable_key()->set_address("10.0.1.12:8080");
  edit.set_admin("drain");
  ASSERT_EQ(ask(drain).code(), control::OK);
  control::Request add;
  add.mutable_add_service()->mutable_key()->set_listen("10.0.0.100:88");
  ASSERT_EQ(ask(add).code(), control::OK);
  // A server that is down is known to be down.
  origin(3).reset();
  ASSERT_TRUE(eventually(5s, [&] { return !service().servers(2).up(); }));
  const control::Service before = service();

  upgrade();
  const control::Service after = service();
  EXPECT_TRUE(status().serving());
  EXPECT_EQ(after.sessions(), before.sessions());
  EXPECT_EQ(get().server, mine);
  EXPECT_EQ(after.servers(1).admin(), "drain");
  EXPECT_TRUE(after.runtime());
  EXPECT_TRUE(after.servers(0).up());
  EXPECT_FALSE(after.servers(2).up());
  for (int i = 0; i < 3; ++i) {
    EXPECT_GE(after.servers(i).in_state_ms(), before.servers(i).in_state_ms());
  }
  EXPECT_EQ(service("tcp-10.0.0.100:88").servers_size(), 0);
  EXPECT_TRUE(get_from(lb(), Endpoint::parse("127.0.0.1:7480").value(), "/live").ok());
  EXPECT_EQ(resolver.ask("two"), "n two");
}

TEST_F(Upgrade, VrrpdHearsNothingOfItButThatThisNodeServes) {
  start(config());
  const auto fd = connect_unix(run_dir() + "/role.sock");
  ASSERT_TRUE(fd) << fd.error().message;
  role::NodeRole role;
  role.add_routers()->set_name("main");
  role.mutable_routers(0)->set_state(role::STATE_ACTIVE);
  role.mutable_routers(0)->set_reason("test");
  std::string active;
  append_frame(active, role.SerializeAsString());
  role.mutable_routers(0)->set_state(role::STATE_BACKUP);
  std::string backup;
  append_frame(backup, role.SerializeAsString());
  // It is interrupted in the middle of a word.
  const std::string first = active + backup.substr(0, 7);
  const std::string rest = backup.substr(7);
  ASSERT_EQ(::write(fd->get(), first.data(), first.size()), static_cast<ssize_t>(first.size()));
  const auto state = [&] {
    const control::NodeStatus now = status();
    return now.routers_size() == 1 ? now.routers(0).state() : role::STATE_INITIALIZE;
  };
  ASSERT_TRUE(eventually(5s, [&] { return state() == role::STATE_ACTIVE; }));

  std::atomic<bool> stop{false};
  std::atomic<int> heard{0};
  std::string trouble;
  std::jthread vrrpd([&] {
    FrameDecoder frames(1 << 20);
    TimePoint last = Clock::now();
    while (!stop && trouble.empty()) {
      char buffer[4096];
      const ssize_t got = ::read(fd->get(), buffer, sizeof buffer);
      if (got == 0) trouble = "closed";
      if (Clock::now() - last > 5s) trouble = "silence";
      if (got <= 0) {
        std::this_thread::sleep_for(1ms);
        continue;
      }
      last = Clock::now();
      frames.append({buffer, static_cast<size_t>(got)});
      for (auto frame = frames.next(); frame && *frame; frame = frames.next()) {
        role::Serving serving;
        if (!serving.ParseFromArray((*frame)->data(), static_cast<int>((*frame)->size())) ||
            !serving.serving()) {
          trouble = "not serving: " + serving.reason();
        }
        ++heard;
      }
    }
  });
  upgrade();
  EXPECT_EQ(state(), role::STATE_ACTIVE) << "known without being told again";
  EXPECT_EQ(::write(fd->get(), rest.data(), rest.size()), static_cast<ssize_t>(rest.size()));
  EXPECT_TRUE(eventually(5s, [&] { return state() == role::STATE_BACKUP; }));
  const int before = heard;
  EXPECT_TRUE(lbcore().wait(5s));
  EXPECT_TRUE(eventually(5s, [&] { return heard > before + 4; })) << "the lease is renewed";
  stop = true;
  vrrpd.join();
  EXPECT_EQ(trouble, "");
}

}  // namespace
}  // namespace hapair::test
