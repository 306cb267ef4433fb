#include "common/control_socket.h"

#include <algorithm>
#include <stdexcept>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace hapair {

namespace {

constexpr FrameStream::Limits kServerLimits{.max_frame_bytes = size_t{1} << 20,
                                            .max_queued_bytes = size_t{64} << 20};
constexpr size_t kMaxConnections = 64;
constexpr int kBacklog = 16;

Result<sockaddr_un> unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return fail("{}: longer than the {} bytes of a socket's path", path,
                sizeof address.sun_path - 1);
  }
  path.copy(address.sun_path, path.size());
  return address;
}

Result<UniqueFd> connect_with(const std::string& path, int extra_flags) {
  auto address = unix_address(path);
  if (!address) return tl::unexpected(address.error());
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | extra_flags, 0));
  if (!fd) return fail_system("create a socket");
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0) {
    return fail_system(path);
  }
  return fd;
}

std::optional<gid_t> control_group() {
  std::array<char, 4096> buffer{};
  group entry{};
  group* found = nullptr;
  if (::getgrnam_r(std::string(kControlGroup).c_str(), &entry, buffer.data(), buffer.size(),
                   &found) != 0)
    return {};
  if (found == nullptr) return {};
  return entry.gr_gid;
}

/// Root, whoever runs the daemon, and the group's members. The socket's mode says the same; this is
/// the second lock.
bool may_control(int fd, const ucred& caller) {
  if (caller.uid == 0 || caller.uid == ::geteuid()) return true;
  const auto group = control_group();
  if (!group) return false;
  if (caller.gid == *group) return true;
  std::vector<gid_t> groups(256);
  auto bytes = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &bytes) != 0) return false;
  groups.resize(bytes / sizeof(gid_t));
  return std::ranges::find(groups, *group) != groups.end();
}

}  // namespace

class ControlServer::Connection : public ControlConnection {
 public:
  Connection(ControlServer& server, Id connection_id, UniqueFd fd, uid_t caller)
      : id_(connection_id),
        uid_(caller),
        stream_(
            server.loop_, std::move(fd), kServerLimits,
            [this, &server](std::string_view payload) {
              server.handlers_.on_message(*this, payload);
            },
            [this, &server](const std::string&) { server.drop(id_); }) {}

  [[nodiscard]] Id id() const override { return id_; }
  [[nodiscard]] uid_t uid() const override { return uid_; }
  bool send(std::string_view payload) override { return stream_.send(payload); }
  [[nodiscard]] size_t queued_bytes() const override { return stream_.queued_bytes(); }
  void finish() override { stream_.finish(); }
  [[nodiscard]] bool open() const { return stream_.open(); }
  FrameStream& stream() { return stream_; }

 private:
  Id id_;
  uid_t uid_;
  FrameStream stream_;
};

ControlServer::ControlServer(EventLoop& loop, Logger& log, std::string path, Handlers handlers,
                             When when)
    : loop_(loop),
      log_(log),
      path_(std::move(path)),
      handlers_(std::move(handlers)),
      watcher_(loop.raw()) {
  watcher_.set<ControlServer, &ControlServer::on_acceptable>(this);
  if (when == When::later) return;
  // A socket file outlives its process: only one that somebody answers on is in the way.
  if (connect_with(path_, SOCK_NONBLOCK))
    throw std::runtime_error(path_ + ": another process serves this socket");
  open();
}

void ControlServer::open() {
  const auto address = unix_address(path_);
  if (!address) throw std::runtime_error(address.error().message);
  ::unlink(path_.c_str());
  UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener) throw_system("create a socket");
  const mode_t old_mask = ::umask(0117);  // 0660 from the first moment on
  const int bound =
      ::bind(listener.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address);
  ::umask(old_mask);
  if (bound != 0) throw_system("bind " + path_);
  if (const auto group = control_group()) {
    if (::chown(path_.c_str(), static_cast<uid_t>(-1), *group) != 0) {
      log_.environment("control", "{}", system_error("give " + path_ + " to group hapair").message);
    }
  }
  if (::listen(listener.get(), kBacklog) != 0) throw_system("listen on " + path_);
  listener_ = std::move(listener);
  watcher_.start(listener_.get(), ev::READ);
}

ControlServer::~ControlServer() {
  if (!left_ && serves()) ::unlink(path_.c_str());
}

void ControlServer::adopt(UniqueFd listener) {
  listener_ = std::move(listener);
  watcher_.start(listener_.get(), ev::READ);
}

ControlConnection* ControlServer::adopt(UniqueFd fd, uid_t uid, const FrameStream::Rest& rest) {
  const auto id = next_id_++;
  auto& connection = connections_[id];
  connection = std::make_unique<Connection>(*this, id, std::move(fd), uid);
  connection->stream().go_on(rest);
  return find(id);
}

void ControlServer::resume_accepting() {
  if (serves()) watcher_.start(listener_.get(), ev::READ);
}

std::optional<ControlServer::Suspended> ControlServer::suspend(ControlConnection::Id id) {
  const auto found = connections_.find(id);
  if (found == connections_.end() || !found->second->open()) return std::nullopt;
  Connection& connection = *found->second;
  return Suspended{.fd = connection.stream().fd(),
                   .uid = connection.uid(),
                   .rest = connection.stream().suspend()};
}

void ControlServer::resume(ControlConnection::Id id) {
  const auto found = connections_.find(id);
  if (found != connections_.end()) found->second->stream().resume();
}

void ControlServer::leave() {
  left_ = true;
  watcher_.stop();
  listener_.reset();
  for (const auto& [id, connection] : connections_) connection->finish();
}

void ControlServer::send_all(std::string_view payload) {
  // A failed send drops its connection from the map: walk over a copy of the ids.
  std::vector<ControlConnection::Id> ids;
  ids.reserve(connections_.size());
  for (const auto& [id, connection] : connections_) ids.push_back(id);
  for (const auto id : ids) {
    if (auto* connection = find(id)) connection->send(payload);
  }
}

ControlConnection* ControlServer::find(ControlConnection::Id id) {
  const auto found = connections_.find(id);
  return found != connections_.end() && found->second->open() ? found->second.get() : nullptr;
}

void ControlServer::on_acceptable(ev::io&, int) {
  UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd) return;
  std::erase_if(connections_, [](const auto& entry) { return !entry.second->open(); });
  ucred caller{};
  socklen_t size = sizeof caller;
  const bool known = ::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &caller, &size) == 0;
  const bool welcome = known && may_control(fd.get(), caller);
  if (!welcome || connections_.size() >= kMaxConnections) {
    if (refused_.allow(loop_.now())) {
      log_.remote("control", "{}: refused pid {} uid {}: {}", path_, caller.pid, caller.uid,
                  welcome ? "too many connections" : "neither root nor in group hapair");
    }
    return;
  }
  const auto id = next_id_++;
  auto& connection = connections_[id];
  connection = std::make_unique<Connection>(*this, id, std::move(fd), caller.uid);
  if (handlers_.on_open) handlers_.on_open(*connection);
}

void ControlServer::drop(ControlConnection::Id id) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  if (handlers_.on_close) handlers_.on_close(*found->second);
  // The stream is still on the stack below us.
  loop_.defer([this, id] { connections_.erase(id); });
}

Result<UniqueFd> connect_unix(const std::string& path) {
  return connect_with(path, SOCK_NONBLOCK);
}

Result<ControlClient> ControlClient::connect(const std::string& path) {
  auto fd = connect_with(path, SOCK_NONBLOCK);
  if (!fd) return tl::unexpected(fd.error());
  return ControlClient(std::move(*fd), path);
}

Status ControlClient::wait_for(short events, TimePoint deadline) {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return fail("{}: no answer in time", path_);
    pollfd waiting{.fd = fd_.get(), .events = events, .revents = 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(left));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return fail_system(path_);
  }
}

Status ControlClient::send(std::string_view payload, Duration timeout) {
  const TimePoint deadline = Clock::now() + timeout;
  std::string frame;
  append_frame(frame, payload);
  for (std::string_view rest = frame; !rest.empty();) {
    const ssize_t sent = ::send(fd_.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      rest.remove_prefix(static_cast<size_t>(sent));
    } else if (errno == EAGAIN) {
      if (auto ready = wait_for(POLLOUT, deadline); !ready) return ready;
    } else if (errno != EINTR) {
      return fail_system(path_);
    }
  }
  return {};
}

Result<std::string> ControlClient::receive(Duration timeout) {
  const TimePoint deadline = Clock::now() + timeout;
  while (true) {
    auto frame = decoder_.next();
    if (!frame) return fail("{}: {}", path_, frame.error().message);
    if (frame->has_value()) return std::string(**frame);
    if (auto ready = wait_for(POLLIN, deadline); !ready) return tl::unexpected(ready.error());
    std::array<char, 16384> buffer{};
    const ssize_t got = ::read(fd_.get(), buffer.data(), buffer.size());
    if (got == 0) return fail("{}: the daemon closed the connection without an answer", path_);
    if (got < 0 && errno != EINTR && errno != EAGAIN) return fail_system(path_);
    if (got > 0) decoder_.append({buffer.data(), static_cast<size_t>(got)});
  }
}

}  // namespace hapair
