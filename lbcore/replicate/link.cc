#include "lbcore/replicate/link.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace hapair::lbcore::replicate {

namespace {

constexpr std::string_view kSubsystem = "pair link";
constexpr int kAcceptsPerEvent = 16;

void set_flag(int fd, int level, int name, int value = 1) {
  // Each of these is a wish; the connection works without it.
  (void)::setsockopt(fd, level, name, &value, sizeof value);
}

UniqueFd make_socket(int family) {
  return UniqueFd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

// POSIX sockets are typed by casting.
const sockaddr* generic(const sockaddr_storage& address) {
  return reinterpret_cast<const sockaddr*>(&address);  // NOLINT
}

bool out_of_descriptors(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

Link::Link(EventLoop& loop, Logger& log, config::Pair pair, const PairKeys& keys, Timing timing,
           Callbacks callbacks, UniqueFd listener)
    : loop_(loop),
      log_(log),
      pair_(std::move(pair)),
      timing_(timing),
      callbacks_(std::move(callbacks)),
      connects_(pair_.own < pair_.other),
      tls_(connects_ ? TlsSide::client : TlsSide::server, keys),
      peer_(fmt::format("{} {}", pair_.peer, pair_.other.to_string())),
      inherited_(std::move(listener)),
      trouble_("not connected yet"),
      retry_after_(timing.retry_least),
      acceptable_(loop.raw()),
      retry_(loop.raw()) {
  // OpenSSL writes with write(2): a connection that the peer has closed must be an error, not a
  // signal.
  (void)std::signal(SIGPIPE, SIG_IGN);
  acceptable_.set<Link, &Link::on_acceptable>(this);
  retry_.set<Link, &Link::on_retry>(this);
  start();
}

Link::~Link() {
  for (const auto& channel : connections_) channel->close();
}

void Link::send(std::string_view payload) {
  if (channel_) channel_->send(payload);
}

void Link::set_keys(const PairKeys& keys) {
  tls_.set_keys(keys);
  if (connects_ && channel_ == nullptr) settled();  // it may be what was missing
}

void Link::flush() {
  if (channel_) channel_->flush();
}

void Link::drop(const std::string& reason) {
  if (!channel_) return;
  discard(std::ranges::find(connections_, channel_, &std::unique_ptr<Channel>::get));
  note_trouble(Logger::Level::remote, peer_, reason);
  if (connects_) start_later();
}

// ---- getting a connection

void Link::start() {
  if (connects_) return connect();
  const auto status = listen();
  if (status) {
    acceptable_.start(listener_.get(), ev::READ);
    return;
  }
  note_trouble(Logger::Level::environment, pair_.own.to_string(), status.error().message);
  start_later();
}

void Link::start_later() {
  // A quarter more or less, so that two nodes that fail in step fall out of it.
  const double spread = std::uniform_real_distribution<double>(0.75, 1.25)(jitter_);
  retry_.stop();
  retry_.start(std::chrono::duration<double>(retry_after_).count() * spread);
  retry_after_ = std::min(retry_after_ * 2, timing_.retry_most);
}

void Link::on_retry(ev::timer&, int) {
  if (connects_ || !listener_) return start();
  acceptable_.start(listener_.get(), ev::READ);  // it was stopped for want of descriptors
}

void Link::connect() {
  const auto attempt = [&]() -> Result<UniqueFd> {
    UniqueFd fd = make_socket(pair_.own.ip.family());
    if (!fd) return fail_system("socket");
    // From our pair address: that is how the peer tells us from strangers.
    sockaddr_storage address{};
    set_flag(fd.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT);
    socklen_t size = Endpoint{pair_.own.ip, 0}.to_sockaddr(address);
    if (::bind(fd.get(), generic(address), size) != 0) {
      return fail_system("bind " + pair_.own.ip.to_string());
    }
    prepare_socket(fd.get());
    size = pair_.other.to_sockaddr(address);
    if (::connect(fd.get(), generic(address), size) != 0 && errno != EINPROGRESS) {
      return fail_system("connect");
    }
    return fd;
  };
  auto fd = attempt();
  if (!fd) {
    note_trouble(Logger::Level::environment, peer_, fd.error().message);
    return start_later();
  }
  shake_hands(std::move(*fd));
}

/// Of the process before this one, unless the address is another now.
UniqueFd Link::take_inherited() {
  UniqueFd fd = std::move(inherited_);
  if (fd && local_endpoint(fd.get()) != pair_.own) fd.reset();
  return fd;
}

Status Link::listen() {
  listener_ = take_inherited();
  if (listener_) return {};
  UniqueFd fd = make_socket(pair_.own.ip.family());
  if (!fd) return fail_system("socket");
  set_flag(fd.get(), SOL_SOCKET, SO_REUSEADDR);
  if (pair_.own.ip.is_v6()) {
    set_flag(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY);
    set_flag(fd.get(), IPPROTO_IPV6, IPV6_FREEBIND);
  } else {
    set_flag(fd.get(), IPPROTO_IP, IP_FREEBIND);
  }
  sockaddr_storage address{};
  const socklen_t size = pair_.own.to_sockaddr(address);
  if (::bind(fd.get(), generic(address), size) != 0 || ::listen(fd.get(), 16) != 0) {
    return fail_system("listen");
  }
  listener_ = std::move(fd);
  return {};
}

void Link::prepare_socket(int fd) const {
  using std::chrono::milliseconds;
  set_flag(fd, IPPROTO_TCP, TCP_NODELAY);
  const auto silence = std::chrono::duration_cast<milliseconds>(timing_.silence).count();
  set_flag(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(silence));
}

void Link::on_acceptable(ev::io&, int) {
  for (int i = 0; i < kAcceptsPerEvent; ++i) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): POSIX sockets are typed by
    // casting
    UniqueFd fd(::accept4(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size,
                          SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd) {
      if (!out_of_descriptors(errno)) return;  // EAGAIN, or that one connection is gone again
      note_trouble(Logger::Level::environment, pair_.own.to_string(),
                   system_error("accept").message);
      acceptable_.stop();  // it would be ready again at once
      return start_later();
    }
    accepted(std::move(fd), Endpoint::from_sockaddr(address));
  }
}

void Link::accepted(UniqueFd fd, const Endpoint& from) {
  if (from.ip != pair_.other.ip) {
    ++refused_;
    if (strangers_.allow(loop_.now())) {
      log_.remote(kSubsystem, "{}: refused, the peer is {}", from.to_string(), peer_);
    }
    return;
  }
  prepare_socket(fd.get());
  const size_t handshakes = connections_.size() - (channel_ == nullptr ? 0 : 1);
  if (handshakes >= kMaxHandshakes) {
    const auto oldest = std::ranges::find_if(
        connections_, [this](const auto& channel) { return channel.get() != channel_; });
    ++refused_;
    discard(oldest);
  }
  shake_hands(std::move(fd));
}

// ---- from a connection to the link

void Link::shake_hands(UniqueFd fd) {
  const auto at = connections_.insert(connections_.end(), nullptr);
  *at = std::make_unique<Channel>(
      loop_, tls_, std::move(fd), timing_.handshake,
      Channel::Callbacks{
          .on_ready = [this, at] { ready(at); },
          .on_frame = [this](std::string_view payload) { callbacks_.on_frame(payload); },
          .on_pause = [this] { callbacks_.on_pause(); },
          .on_closed = [this, at](const std::string& reason) { closed(at, reason); },
      });
}

void Link::ready(Connections::iterator at) {
  if (channel_ != nullptr) {
    log_.info(kSubsystem, "{}: connected anew, the old connection is closed", peer_);
    discard(std::ranges::find(connections_, channel_, &std::unique_ptr<Channel>::get));
    callbacks_.on_down("connected anew");
  }
  channel_ = at->get();
  trouble_.clear();
  logged_.clear();
  log_.info(kSubsystem, "{}: connected", peer_);
  callbacks_.on_up();
}

void Link::closed(Connections::iterator at, const std::string& reason) {
  const bool was_up = at->get() == channel_;
  discard(at);
  if (reason == kKeyMismatch) tls_.offer_other_key();
  if (was_up) {
    note_trouble(Logger::Level::remote, peer_, reason);
    callbacks_.on_down(reason);
  } else {
    if (!connects_ || reason == kKeyMismatch) ++refused_;
    note_trouble(Logger::Level::remote, peer_, reason);
  }
  if (connects_) start_later();
}

void Link::discard(Connections::iterator at) {
  if (at->get() == channel_) channel_ = nullptr;
  (*at)->close();
  loop_.defer([dead = std::shared_ptr<Channel>(std::move(*at))] {});
  connections_.erase(at);
}

void Link::note_trouble(Logger::Level level, std::string_view who, const std::string& what) {
  if (channel_ == nullptr) trouble_ = what;
  // The same trouble every second is one line a minute; and whoever can make two kinds of trouble
  // in turn shall not fill the log either.
  RateLimit& limit = what == logged_ ? same_trouble_ : other_trouble_;
  if (!limit.allow(loop_.now())) return;
  logged_ = what;
  if (level == Logger::Level::environment) {
    log_.environment(kSubsystem, "{}: {}", who, what);
  } else {
    log_.remote(kSubsystem, "{}: {}", who, what);
  }
}

}  // namespace hapair::lbcore::replicate
