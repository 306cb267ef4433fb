// Who is chosen by real workers over real servers: limits of connections, and backups.
#include <csignal>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>

#include "tests/netns/lbcore/lbcore_lab.h"

namespace hapair::test {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

class Schedule : public LbcoreLab {
 protected:
  /// A connection that has had an answer and stays open; the server's name.
  std::string hold() {
    UniqueFd fd = connect_from(client(), vip());
    const Answer answer = test::get(fd.get(), "/");
    EXPECT_TRUE(answer.ok()) << answer.error;
    open[answer.server].push_back(std::move(fd));
    return answer.server;
  }
  std::map<std::string, int> hold(int count) {
    std::map<std::string, int> servers;
    while (count-- > 0) ++servers[hold()];
    return servers;
  }
  control::Server server(const std::string& name) {
    const control::Service web = service();
    for (const control::Server& each : web.servers()) {
      if (each.name() == name) return each;
    }
    return {};
  }

  std::map<std::string, std::vector<UniqueFd>> open;  // by server
};

TEST_F(Schedule, FullServersGetNoneAndABackupServesWhileNoOtherMay) {
  start(
      "[lbcore]\nworkers = 2\n"
      "[service web]\nlisten = tcp 10.0.0.100:80\npool = web\n"
      "[pool web]\nscheduler = rr\ncheck = tcp interval 200ms timeout 200ms fall 3 rise 1\n"
      "[server web/s1]\naddress = 10.0.1.11:8080\nmax_connections = 4\n"
      "[server web/s2]\naddress = 10.0.1.12:8080\nmax_connections = 2\nmin_connections = 2\n"
      "[server web/s3]\naddress = 10.0.1.13:8080\nbackup = yes\n");
  EXPECT_THAT(hold(6), ElementsAre(Pair("s1", 4), Pair("s2", 2))) << "exact over both workers";
  EXPECT_EQ(hold(), "s3");
  EXPECT_TRUE(server("s1").full());
  EXPECT_TRUE(server("s2").full());

  // s2 takes the next one as soon as it has a place, s1 when a quarter of its places is free and
  // one more.
  open["s2"].pop_back();
  open["s1"].pop_back();
  EXPECT_TRUE(eventually(5s, [&] {
    return server("s2").counters().active() == 1 && server("s1").counters().active() == 3;
  }));
  EXPECT_THAT(hold(2), ElementsAre(Pair("s2", 1), Pair("s3", 1)));
  open["s1"].pop_back();
  EXPECT_TRUE(eventually(5s, [&] { return server("s1").counters().active() == 2; }));
  EXPECT_THAT(hold(3), ElementsAre(Pair("s1", 2), Pair("s3", 1)));

  // Without a limit, but down.
  open.clear();
  EXPECT_TRUE(eventually(5s, [&] { return service().counters().active() == 0; }));
  EXPECT_EQ(requests(4).count("s3"), 0U) << "the others are back";
  for (const size_t number : {1U, 2U}) origin(number)->signal(SIGKILL);
  EXPECT_TRUE(eventually(5s, [&] { return !server("s1").up() && !server("s2").up(); }));
  EXPECT_THAT(requests(4), ElementsAre(Pair("s3", 4)));
  EXPECT_EQ(service().counters().failed(), 0U);
}

}  // namespace
}  // namespace hapair::test
