// Asking a daemon that answers, is silent, is gone, is forbidden or talks nonsense; each has words
// of its own.
#include "tools/pairadm/daemons.h"

#include <functional>
#include <string>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/framing.h"
#include "common/unique_fd.h"
#include "tests/support/files.h"

namespace hapair::pairadm {
namespace {

using test::TempDir;

constexpr Duration kPatience = 5s;

/// A socket where a daemon's would be. Unless told otherwise it accepts nobody: connections wait in
/// its queue.
class FakeDaemon {
 public:
  explicit FakeDaemon(const std::string& path)
      : listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(static_cast<char*>(address.sun_path), sizeof address.sun_path - 1);
    if (::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener_.get(), 4) != 0)
      throw std::runtime_error("cannot listen at " + path);
  }
  ~FakeDaemon() {
    if (thread_.joinable()) thread_.join();
  }
  FakeDaemon(const FakeDaemon&) = delete;
  FakeDaemon& operator=(const FakeDaemon&) = delete;

  /// Reads one request, then sends `bytes` and closes.
  void answer_once(std::string bytes) {
    thread_ = std::thread([this, bytes = std::move(bytes)] {
      pollfd waiting{.fd = listener_.get(), .events = POLLIN, .revents = 0};
      if (::poll(&waiting, 1, 5000) != 1) return;
      const UniqueFd client(::accept(listener_.get(), nullptr, nullptr));
      std::string request(4096, '\0');
      if (::read(client.get(), request.data(), request.size()) <= 0) return;
      if (!bytes.empty()) (void)!::write(client.get(), bytes.data(), bytes.size());
    });
  }

 private:
  UniqueFd listener_;
  std::thread thread_;
};

std::string asked(const std::string& run_dir, Duration wait = kPatience) {
  control::Request request;
  request.mutable_status();
  const auto reply = ask_daemon({.daemon = "lbcore", .run_dir = run_dir, .wait = wait}, request);
  return reply ? "answered by " + reply->node().node() : reply.error().message;
}

std::string framed(const std::string& payload) {
  std::string out;
  append_frame(out, payload);
  return out;
}

TEST(AskDaemon, Answers) {
  const TempDir dir;
  FakeDaemon daemon(dir / "lbcore.sock");
  control::Reply reply;
  reply.mutable_node()->set_node("lb1");
  daemon.answer_once(framed(reply.SerializeAsString()));
  EXPECT_EQ(asked(dir.path()), "answered by lb1");
}

TEST(AskDaemon, NoSocketMeansNotRunning) {
  const TempDir dir;
  EXPECT_EQ(asked(dir.path()),
            "lbcore is not running (no socket at " + dir.path() + "/lbcore.sock)");
  EXPECT_EQ(asked(dir / "nowhere"),
            "lbcore is not running (no socket at " + dir.path() + "/nowhere/lbcore.sock)");
}

TEST(AskDaemon, SocketLeftBehindMeansNotRunning) {
  const TempDir dir;
  { const FakeDaemon gone(dir / "lbcore.sock"); }
  EXPECT_EQ(asked(dir.path()),
            "lbcore is not running (nobody answers at " + dir.path() + "/lbcore.sock)");
}

TEST(AskDaemon, AFileIsNoSocket) {
  const TempDir dir;
  test::write_file(dir / "lbcore.sock", "");
  EXPECT_TRUE(asked(dir.path()).starts_with("lbcore: ")) << asked(dir.path());
}

TEST(AskDaemon, SilenceEnds) {
  const TempDir dir;
  const FakeDaemon hung(dir / "lbcore.sock");
  const std::string said = asked(dir.path(), 50ms);
  EXPECT_TRUE(said.starts_with("lbcore does not answer (")) << said;
  EXPECT_TRUE(said.ends_with("; waited up to 50ms)")) << said;
}

TEST(AskDaemon, ClosedWithoutAWord) {
  const TempDir dir;
  FakeDaemon daemon(dir / "lbcore.sock");
  daemon.answer_once("");
  EXPECT_TRUE(asked(dir.path()).starts_with("lbcore does not answer (")) << asked(dir.path());
}

TEST(AskDaemon, Nonsense) {
  const TempDir dir;
  FakeDaemon daemon(dir / "lbcore.sock");
  daemon.answer_once(framed("\xff\xff\xff"));
  EXPECT_EQ(asked(dir.path()),
            "lbcore answered with something else than a reply (" + dir.path() + "/lbcore.sock)");
}

TEST(AskDaemon, FrameBeyondAllBoundsIsNotRead) {
  const TempDir dir;
  FakeDaemon daemon(dir / "lbcore.sock");
  daemon.answer_once("\xff\xff\xff\xff");
  EXPECT_TRUE(asked(dir.path()).starts_with("lbcore does not answer (")) << asked(dir.path());
}

TEST(AskDaemon, PermissionDenied) {
  const TempDir dir;
  const FakeDaemon daemon(dir / "lbcore.sock");
  ASSERT_EQ(::chmod(dir.path().c_str(), 0755), 0);
  ASSERT_EQ(::chmod((dir / "lbcore.sock").c_str(), 0600), 0);
  const std::string expected = "Permission denied (you must be root, or in group hapair, to use " +
                               dir.path() + "/lbcore.sock)";
  if (::geteuid() != 0) {
    ASSERT_EQ(::chmod((dir / "lbcore.sock").c_str(), 0), 0);
    EXPECT_EQ(asked(dir.path()), expected);
    return;
  }
  // Root may do anything: ask as somebody else.
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(2);
    ::_exit(asked(dir.path()) == expected ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace hapair::pairadm
