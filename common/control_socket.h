// The Unix sockets of the daemons: framed messages, one reply stream per connection, the caller's
// credentials checked by the kernel's word. Served: <run dir>/vrrpd.sock, lbcore.sock (pairadm) and
// role.sock (vrrpd -> lbcore).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "common/event_loop.h"
#include "common/frame_stream.h"
#include "common/log.h"
#include "common/rate_limit.h"
#include "common/result.h"

namespace hapair {

inline constexpr std::string_view kDefaultRunDir = "/run/hapair";
inline constexpr std::string_view kControlGroup = "hapair";  // its members may do what root may

/// A connection that `ControlServer` accepted; valid until its on_close has run.
class ControlConnection {
 public:
  using Id = uint64_t;
  virtual ~ControlConnection() = default;
  [[nodiscard]] virtual Id id() const = 0;
  [[nodiscard]] virtual uid_t uid() const = 0;
  /// False when the connection is closed already.
  virtual bool send(std::string_view payload) = 0;
  /// What the caller has not read yet, but for what its kernel holds.
  [[nodiscard]] virtual size_t queued_bytes() const = 0;
  /// Closes after what is queued was written.
  virtual void finish() = 0;
};

class ControlServer {
 public:
  struct Handlers {
    std::function<void(ControlConnection&)> on_open;                       // optional
    std::function<void(ControlConnection&, std::string_view)> on_message;  // required
    std::function<void(ControlConnection&)> on_close;                      // optional
  };

  /// Binds `path` (mode 0660, group hapair where it exists), replacing a socket that nobody serves
  /// any more. Throws std::system_error when it cannot, std::runtime_error when another process
  /// serves it. `later`: only open() does so.
  enum class When : uint8_t { now, later };
  ControlServer(EventLoop& loop, Logger& log, std::string path, Handlers handlers,
                When when = When::now);
  /// Binds, replacing a socket whose process the caller knows to be dead or dying. Throws
  /// std::system_error; may be tried again.
  void open();
  [[nodiscard]] bool serves() const { return listener_.valid(); }

  // The move of a served socket from one process to another (it keeps its path, and whoever waits
  // to be accepted). The new process, `later`:
  /// Serves `listener`.
  void adopt(UniqueFd listener);
  /// Goes on with a connection of the old process; on_open is not called.
  ControlConnection* adopt(UniqueFd fd, uid_t uid, const FrameStream::Rest& rest);
  // The old process:
  [[nodiscard]] int listener() const { return listener_.get(); }
  void pause_accepting() { watcher_.stop(); }
  void resume_accepting();
  /// Neither reads nor writes on this connection until resume(). Nothing: there is none.
  struct Suspended {
    int fd = -1;
    uid_t uid = 0;
    FrameStream::Rest rest;
  };
  std::optional<Suspended> suspend(ControlConnection::Id id);
  void resume(ControlConnection::Id id);
  /// The socket and its path are the other process's. Connections end without on_close: suspended
  /// ones at once, the others when what was said is written.
  void leave();
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  void send_all(std::string_view payload);
  [[nodiscard]] ControlConnection* find(ControlConnection::Id id);

 private:
  class Connection;
  void on_acceptable(ev::io& watcher, int events);
  void drop(ControlConnection::Id id);

  EventLoop& loop_;
  Logger& log_;
  std::string path_;
  Handlers handlers_;
  UniqueFd listener_;
  bool left_ = false;
  RateLimit refused_{1, 1s};
  ControlConnection::Id next_id_ = 1;
  std::map<ControlConnection::Id, std::unique_ptr<Connection>> connections_;
  ev::io watcher_;
};

/// Connects a non-blocking stream socket to `path`.
Result<UniqueFd> connect_unix(const std::string& path);

/// The blocking client of the CLI: one request, one or more replies, each awaited for at most
/// `timeout`.
class ControlClient {
 public:
  static Result<ControlClient> connect(const std::string& path);
  Status send(std::string_view payload, Duration timeout);
  Result<std::string> receive(Duration timeout);

 private:
  Status wait_for(short events, TimePoint deadline);

  ControlClient(UniqueFd fd, std::string path)
      : fd_(std::move(fd)), path_(std::move(path)), decoder_(size_t{64} << 20) {}
  UniqueFd fd_;
  std::string path_;
  FrameDecoder decoder_;
};

}  // namespace hapair
