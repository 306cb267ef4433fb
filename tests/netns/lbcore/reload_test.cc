// Changes while traffic flows: nothing that did not change may notice.
#include <atomic>
#include <csignal>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "tests/netns/lbcore/lbcore_lab.h"

namespace hapair::test {
namespace {

using ::testing::HasSubstr;

class Reload : public LbcoreLab {
 protected:
  /// Clients in the background: some ask again and again on new connections, some on one
  /// connection, some download with checksums.
  void start_clients() {
    for (int i = 0; i < 2; ++i) {
      threads_.emplace_back([this] {
        while (!stop_) count(get());
      });
    }
    threads_.emplace_back([this] {
      const UniqueFd fd = connect_from(client(), vip());
      while (!stop_) count(test::get(fd.get(), "/"));
    });
    for (int i = 0; i < 2; ++i) {
      threads_.emplace_back([this] {
        while (!stop_) {
          const UniqueFd fd = connect_from(client(), vip());
          const Answer answer = test::get(fd.get(), "/big?bytes=20000000", size_t{1} << 18);
          count(answer);
          if (answer.ok() && !answer.intact()) ++damaged;
        }
      });
    }
    ASSERT_TRUE(eventually(5s, [&] { return good > 50; }));
  }
  void stop_clients() {
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }
  void TearDown() override {
    stop_clients();
    LbcoreLab::TearDown();
  }
  void count(const Answer& answer) {
    if (answer.ok()) {
      ++good;
    } else {
      ++bad;
      const std::lock_guard lock(mutex_);
      last_error = answer.error;
    }
  }
  /// Waits for traffic to go on.
  void let_flow() {
    const int before = good;
    ASSERT_TRUE(eventually(5s, [&] { return good > before + 20; }));
  }

  std::atomic<int> good{0};
  std::atomic<int> bad{0};
  std::atomic<int> damaged{0};
  std::string last_error;

 private:
  std::mutex mutex_;
  std::atomic<bool> stop_{false};
  std::vector<std::thread> threads_;
};

TEST_F(Reload, UnderLoadDropsNothing) {
  start(config());
  start_clients();
  const std::string extra =
      "[service more]\nlisten = tcp 10.0.0.100:81\npool = web\n"
      "[pool other]\n[server other/x]\naddress = 10.0.1.13:8080\n";
  for (int round = 0; round < 24; ++round) {
    switch (round % 4) {
      case 0:
        reload(config(kPool, extra));
        EXPECT_TRUE(get_from(client(), vip(81), "/").ok());
        break;
      case 1:
        reload(config("scheduler = wlc\ncheck = tcp interval 50ms timeout 50ms\n"));
        break;
      case 2:  // a server goes; its connections do not
        reload(
            "[lbcore]\nworkers = 2\n[service web]\nlisten = tcp 10.0.0.100:80\npool = web\n"
            "[pool web]\nsticky = source/32 10m\n"
            "[server web/s2]\naddress = 10.0.1.12:8080\n");
        break;
      default:
        reload(config());
        break;
    }
    let_flow();
  }
  stop_clients();
  EXPECT_EQ(bad, 0) << last_error;
  EXPECT_EQ(damaged, 0);
  EXPECT_TRUE(eventually(5s, [&] { return service().counters().active() == 0; }));
  const control::Service web = service();
  for (const control::Server& server : web.servers()) {
    EXPECT_EQ(server.counters().active(), 0U) << server.name();
  }
  EXPECT_EQ(web.counters().failed(), 0U);
}

TEST_F(Reload, AnInvalidFileChangesNothingAndIsListedLineByLine) {
  start(config());
  reload("[service web]\nlisten = tcp 10.0.0.100:80\npool = nope\n", "nothing has changed");
  EXPECT_TRUE(lbcore().wait_for_output(":3: [service web]: pool: there is no [pool nope]", 5s));
  EXPECT_TRUE(get().ok());
  EXPECT_EQ(service().servers_size(), 3);
  reload(config());
}

TEST_F(Reload, AnAddressInUseChangesNothing) {
  start(config());
  const UniqueFd other = listen_in(lb(), vip(81));
  reload(config("scheduler = wlc\ncheck = none\n",
                "[service more]\nlisten = tcp 10.0.0.100:81\npool = web\n"),
         "refused, nothing has changed: service more: listen on tcp 10.0.0.100:81: Address already "
         "in use");
  EXPECT_EQ(service().scheduler(), "rr");
  EXPECT_TRUE(status().serving());
  EXPECT_TRUE(get().ok());
}

TEST_F(Reload, ARemovedServiceLetsItsConnectionsEnd) {
  const std::string more = "[service more]\nlisten = tcp 10.0.0.100:81\npool = web\n";
  start(config(kPool, more));
  const UniqueFd open = connect_from(client(), vip(81));
  ASSERT_TRUE(test::get(open.get(), "/").ok());
  reload(config());
  ASSERT_TRUE(eventually(5s, [&] { return !connect_from(client(), vip(81)).valid(); }));
  EXPECT_TRUE(test::get(open.get(), "/").ok());
  EXPECT_TRUE(test::get(open.get(), "/big?bytes=1000000").intact());
  // And it may come back at once.
  reload(config(kPool, more));
  EXPECT_TRUE(get_from(client(), vip(81), "/").ok());
}

TEST_F(Reload, SessionsChecksAndCountersSurvive) {
  start(config(std::string(kPool) + "sticky = source/32 10m\n"));
  const std::string server = get().server;
  const control::Service before = service();
  reload(config(std::string(kPool) + "sticky = source/32 20m\n"));
  const control::Service after = service();
  EXPECT_EQ(after.sticky_seconds(), 1200U);
  EXPECT_EQ(after.sessions(), 1U);
  EXPECT_EQ(get().server, server);
  EXPECT_EQ(after.counters().connections(), before.counters().connections());
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(after.servers(i).up());
    EXPECT_GE(after.servers(i).in_state_ms(), before.servers(i).in_state_ms());
  }
}

TEST_F(Reload, WhatPairadmChangedStaysUntilTheFileChangesIt) {
  start(config());
  control::Request request;
  control::ServerEdit& edit = *request.mutable_edit_server();
  edit.mutable_key()->mutable_service()->set_listen("10.0.0.100:80");
  edit.mutable_key()->set_address("10.0.1.11:8080");
  edit.set_weight(0);
  ASSERT_EQ(ask(request).code(), control::OK);
  reload(config(std::string(kPool) + "connect_timeout = 1s\n"));
  EXPECT_EQ(service().servers(0).weight(), 0U);
  EXPECT_TRUE(service().runtime());
  std::string changed = config();
  const size_t at = changed.find("10.0.1.11:8080\n");
  changed.insert(at + std::string("10.0.1.11:8080\n").size(), "weight = 7\n");
  reload(changed);
  EXPECT_EQ(service().servers(0).weight(), 7U);
}

TEST_F(Reload, WhatNeedsARestartIsNamed) {
  start(config());
  std::string changed = config();
  changed.replace(changed.find("workers = 2"), 11, "workers = 3");
  reload(changed);
  EXPECT_TRUE(lbcore().wait_for_output("[lbcore] workers: the change waits for a restart", 5s));
}

TEST_F(Reload, TheEndWaitsForOpenConnections) {
  start(config());
  const UniqueFd fd = connect_from(client(), vip());
  std::thread download([&] {
    const Answer answer = test::get(fd.get(), "/big?bytes=30000000", size_t{1} << 18);
    EXPECT_TRUE(answer.intact()) << answer.error;
    ::shutdown(fd.get(), SHUT_RDWR);
  });
  EXPECT_TRUE(eventually(5s, [&] { return service().counters().bytes_out() > 100000; }));
  lbcore().signal(SIGTERM);
  EXPECT_TRUE(eventually(5s, [&] { return !connect_from(client(), vip()).valid(); }))
      << "accepts no more";
  download.join();
  const auto exit = lbcore().wait(5s);
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->code, 0);
  EXPECT_THAT(lbcore().err(), ::testing::Not(HasSubstr("were still open")));
}

TEST_F(Reload, ASecondSignalDoesNotWait) {
  start(config());
  const UniqueFd fd = connect_from(client(), vip());
  ASSERT_TRUE(test::get(fd.get(), "/").ok());
  lbcore().signal(SIGTERM);
  ASSERT_TRUE(lbcore().wait_for_output("SIGTERM: stopping, open connections have 5s", 5s));
  lbcore().signal(SIGINT);
  const auto exit = lbcore().wait(2s);
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->code, 0);
}

}  // namespace
}  // namespace hapair::test
