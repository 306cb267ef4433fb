// Servers that fail under real traffic, and pools that have none left.
#include <string>

#include <gmock/gmock.h>
#include <sys/socket.h>

#include "tests/netns/lbcore/lbcore_lab.h"

namespace hapair::test {
namespace {

using ::testing::MatchesRegex;
using ::testing::StartsWith;

class EjectionNetns : public LbcoreLab {
 protected:
  /// The server of the pool at 10.0.1.1N.
  control::Server server(size_t number) {
    const std::string address = "10.0.1.1" + std::to_string(number) + ":8080";
    const control::Service web = service();
    for (const auto& each : web.servers()) {
      if (each.address() == address) return each;
    }
    return {};
  }
};

TEST_F(EjectionNetns, AServerThatRefusesStandsAsideAndComesBack) {
  start(config("scheduler = rr\ncheck = none\npassive = failures 3 eject 500ms max_share 40%\n"));
  origin(1).reset();
  EXPECT_TRUE(eventually(10s, [&] {
    EXPECT_EQ(requests(3)[""], 0) << "the next server answers";
    return !server(1).ejected().empty();
  }));
  EXPECT_THAT(server(1).ejected(),
              MatchesRegex("PASSIVE [0-9]+ failures in a row, last: Connection refused"));
  EXPECT_TRUE(server(1).up()) << "no check says otherwise";
  EXPECT_TRUE(lbcore().wait_for_output("passive web/s1: ejected for 500ms (PASSIVE ", 5s));
  EXPECT_TRUE(lbcore().wait_for_output("passive web/s1: back after its time", 5s));
  // Of three servers 40% is one: the second one that fails stays in.
  origin(2).reset();
  EXPECT_TRUE(eventually(10s, [&] {
    EXPECT_EQ(requests(6)[""], 0);
    return lbcore().wait_for_output("not ejected, the pool cannot spare it", 10ms);
  }));
  reload(config("scheduler = rr\ncheck = none\n"));
  EXPECT_EQ(server(1).ejected(), "");
  EXPECT_EQ(server(2).ejected(), "");
}

TEST_F(EjectionNetns, AServerThatAcceptsAndNeverAnswersIsFoundOut) {
  // The kernel accepts.
  const UniqueFd mute =
      listen_in(LbcoreLab::server(1), Endpoint::parse("10.0.1.11:9000").value(), 4096);
  start(
      "[lbcore]\nworkers = 1\n"
      "[service web]\nlisten = tcp 10.0.0.100:80\npool = connects\nidle_timeout = 300ms\n"
      "[service asked]\nlisten = tcp 10.0.0.100:81\npool = asks\n"
      "[pool connects]\ncheck = tcp interval 1s\n"
      "[server connects/a]\naddress = 10.0.1.11:9000\n"
      "[pool asks]\ncheck = http interval 500ms fall 1\n"
      "[server asks/a]\naddress = 10.0.1.11:9000\n");
  // A busy machine may miss one of these deadlines for another reason: the next check tells.
  EXPECT_TRUE(
      eventually(10s, [&] { return service().servers(0).check().starts_with("L4OK in "); }));
  EXPECT_TRUE(eventually(10s, [&] {
    const control::Service asked = service("asked");
    return !asked.servers(0).up() && asked.servers(0).check() == "L7TOUT no answer in 500ms";
  }));
  EXPECT_THAT(get().error, StartsWith("Connection reset")) << "after idle_timeout";
  EXPECT_TRUE(eventually(
      5s, [&] { return service().idle_timeouts() == 1 && service().counters().active() == 0; }));
  EXPECT_FALSE(get_from(client(), vip(81), "/").ok()) << "refused at once";
}

TEST_F(EjectionNetns, WithoutAServerThePolicyDecides) {
  const std::string ill = "scheduler = rr\ncheck = http GET / expect 599 interval 1s\n";
  start(config(ill));
  EXPECT_FALSE(get().ok());
  EXPECT_TRUE(
      lbcore().wait_for_output("pool web: all servers are down: connections are refused", 5s));
  reload(config(ill + "when_all_down = all\n"));
  EXPECT_TRUE(get().ok()) << "the check may be wrong";
  EXPECT_EQ(requests(6).size(), 3U) << "all of them are used";
  EXPECT_EQ(service().all_down(), "all servers are down: all of them are used");
  reload(
      config("scheduler = rr\ncheck = http GET / interval 100ms rise 1\n"
             "when_all_down = all\n"));
  EXPECT_TRUE(lbcore().wait_for_output("pool web: has a server again", 5s));
  EXPECT_TRUE(eventually(5s, [&] { return service().all_down().empty(); }));
}

}  // namespace
}  // namespace hapair::test
