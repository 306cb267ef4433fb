#include "common/control_socket.h"

#include <filesystem>
#include <stdexcept>
#include <thread>

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

}  // namespace
}  // namespace hapair
