#include "common/control_socket.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace hapair {
namespace {

class ControlSocketTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = std::filesystem::temp_directory_path() / "hapair-ctl-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    path_ = folder_ + "/lbcore.sock";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  /// A server that answers "echo:" + message, on a thread of its own.
  class Echo {
   public:
    explicit Echo(const std::string& path)
        : server_(
              loop_, log_, path,
              {.on_open = {},
               .on_message = [](ControlConnection& from,
                                std::string_view text) { from.send("echo:" + std::string(text)); },
               .on_close = {}}),
          thread_([this] { loop_.run(); }) {}
    ~Echo() {
      loop_.post([this] { loop_.stop(); });
      thread_.join();
    }

   private:
    EventLoop loop_;
    Logger log_{"test"};
    ControlServer server_;
    std::thread thread_;
  };

  std::string folder_;
  std::string path_;
};

TEST_F(ControlSocketTest, AnswersARequestOfAnySize) {
  const Echo echo(path_);
  auto client = ControlClient::connect(path_);
  ASSERT_TRUE(client) << client.error().message;
  for (const size_t size : {size_t{0}, size_t{5}, size_t{500000}}) {
    ASSERT_TRUE(client->send(std::string(size, 'x'), 5s));
    EXPECT_EQ(*client->receive(5s), "echo:" + std::string(size, 'x'));
  }
}

TEST_F(ControlSocketTest, IsForRootAndTheGroupOnly) {
  const Echo echo(path_);
  struct stat info {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0660U);
}

TEST_F(ControlSocketTest, AnOversizedFrameEndsThatConnectionOnly) {
  const Echo echo(path_);
  auto rude = connect_unix(path_);
  ASSERT_TRUE(rude);
  ASSERT_EQ(::send(rude->get(), "\xff\xff\xff\xff", 4, MSG_NOSIGNAL), 4);
  auto polite = ControlClient::connect(path_);
  ASSERT_TRUE(polite->send("hello", 5s));
  EXPECT_EQ(*polite->receive(5s), "echo:hello");
}

TEST_F(ControlSocketTest, ASocketThatNobodyServesIsReplaced) {
  { const Echo first(path_); }
  const int stale = ::socket(AF_UNIX, SOCK_STREAM, 0);
  std::filesystem::remove(path_);
  {
    // A bound socket whose process is gone: bind, then close without unlink.
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, path_.size());
    ASSERT_EQ(::bind(stale, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ::close(stale);
  }
  const Echo echo(path_);
  auto client = ControlClient::connect(path_);
  ASSERT_TRUE(client);
  ASSERT_TRUE(client->send("x", 5s));
  EXPECT_EQ(*client->receive(5s), "echo:x");
}

TEST_F(ControlSocketTest, ASocketThatSomebodyServesIsLeftAlone) {
  const Echo echo(path_);
  EventLoop loop;
  Logger log("test");
  EXPECT_THROW(ControlServer(loop, log, path_, {}), std::runtime_error);
  EXPECT_TRUE(ControlClient::connect(path_)) << "the first one still serves";
}

TEST_F(ControlSocketTest, NobodyThereIsSaid) {
  EXPECT_EQ(ControlClient::connect(path_).error().message, path_ + ": No such file or directory");
}

TEST_F(ControlSocketTest, ASilentDaemonIsSaid) {
  EventLoop loop;
  Logger log("test");
  const ControlServer server(loop, log, path_,
                             {.on_open = {}, .on_message = [](auto&, auto) {}, .on_close = {}});
  auto client = ControlClient::connect(path_);
  ASSERT_TRUE(client->send("anyone?", 1s));
  EXPECT_EQ(client->receive(20ms).error().message, path_ + ": no answer in time");
}

/// Two servers of one path, the second of which takes the place of the first.
class ControlSocketMove : public ControlSocketTest {
 protected:
  using Heard = std::vector<std::string>;

  ControlServer::Handlers hear(Heard& heard) {
    return {.on_open = [this](ControlConnection& connection) { id = connection.id(); },
            .on_message = [&heard](ControlConnection&,
                                   std::string_view text) { heard.emplace_back(text); },
            .on_close = [this](ControlConnection&) { ++closed; }};
  }
  template <typename Predicate>
  void turn_until(Predicate predicate) {
    const TimePoint deadline = Clock::now() + 5s;
    while (!predicate() && Clock::now() < deadline) loop.poll();
    EXPECT_TRUE(predicate());
  }
  static std::string frame(const std::string& text) {
    std::string out;
    append_frame(out, text);
    return out;
  }
  static void write(const UniqueFd& fd, const std::string& bytes) {
    ASSERT_EQ(::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }

  EventLoop loop;
  Logger log{"test"};
  ControlConnection::Id id = 0;
  int closed = 0;
};

TEST_F(ControlSocketMove, AConnectionGoesOnInTheMiddleOfAWordInBothDirections) {
  Heard by_first;
  Heard by_second;
  auto first = std::make_unique<ControlServer>(loop, log, path_, hear(by_first));
  auto client = connect_unix(path_);
  ASSERT_TRUE(client);
  const std::string cut = frame("said in two halves");
  write(*client, frame("one") + cut.substr(0, 9));
  turn_until([&] { return by_first == Heard{"one"}; });

  const auto suspended = first->suspend(id);
  ASSERT_TRUE(suspended);
  EXPECT_EQ(suspended->rest.in, cut.substr(0, 9));
  first->find(id)->send("not to be written twice");  // it is the other server's to speak
  ControlServer second(loop, log, path_, hear(by_second), ControlServer::When::later);
  second.adopt(UniqueFd(::dup(first->listener())));
  auto* adopted = second.adopt(UniqueFd(::dup(suspended->fd)), suspended->uid,
                               {.in = suspended->rest.in, .out = frame("left over")});
  ASSERT_NE(adopted, nullptr);
  adopted->send("new");
  first->leave();
  first.reset();

  write(*client, cut.substr(9));
  turn_until([&] { return by_second == Heard{"said in two halves"}; });
  EXPECT_EQ(closed, 0);
  std::array<char, 100> buffer{};
  const ssize_t got = ::recv(client->get(), buffer.data(), buffer.size(), 0);
  EXPECT_EQ(std::string(buffer.data(), static_cast<size_t>(std::max<ssize_t>(got, 0))),
            frame("left over") + frame("new"));
  // The path is still there, and it is the second one's.
  auto other = connect_unix(path_);
  ASSERT_TRUE(other);
  write(*other, frame("hello"));
  turn_until([&] { return by_second.size() == 2; });
}

TEST_F(ControlSocketMove, AMoveThatDoesNotHappenLosesNothing) {
  Heard heard;
  ControlServer server(loop, log, path_, hear(heard));
  auto client = connect_unix(path_);
  ASSERT_TRUE(client);
  write(*client, frame("one"));
  turn_until([&] { return heard.size() == 1; });
  server.pause_accepting();
  ASSERT_TRUE(server.suspend(id));
  write(*client, frame("two"));
  auto waiting = connect_unix(path_);
  server.find(id)->send("answer");
  loop.poll();
  EXPECT_EQ(heard.size(), 1U);
  server.resume_accepting();
  server.resume(id);
  turn_until([&] { return heard == Heard{"one", "two"}; });
  std::array<char, 100> buffer{};
  EXPECT_EQ(::recv(client->get(), buffer.data(), buffer.size(), 0), 10);
  write(*waiting, frame("three"));
  turn_until([&] { return heard.size() == 3; });
}

}  // namespace
}  // namespace hapair
