#include "lbcore/handover/tcp_repair.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include <linux/filter.h>
#include <linux/sockios.h>
#include <linux/tcp.h>  // has more than glibc's
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace hapair::lbcore::handover {

namespace {

constexpr int kEstablished = 1;     // TCP_ESTABLISHED
constexpr uint32_t kMssOption = 2;  // of the TCP header
constexpr uint32_t kScaleOption = 3;
constexpr uint32_t kSackOption = 4;
constexpr uint32_t kTimestampOption = 8;
constexpr int kReceiveQueue = 1;
constexpr int kSendQueue = 2;
// The head of a send queue may hold bytes that are acknowledged already: a segment's at most.
constexpr size_t kHeadRoom = size_t{64} << 10;
constexpr size_t kPiece = size_t{32} << 10;  // a receive queue is filled by so many bytes at a time
constexpr size_t kSmall = size_t{12} << 10;  // what every buffer takes
#ifndef SO_BUF_LOCK
#define SO_BUF_LOCK 72
#endif

bool set(int fd, int level, int option, int value) {
  return ::setsockopt(fd, level, option, &value, sizeof value) == 0;
}

template <typename T>
bool get(int fd, int option, T& value) {
  socklen_t size = sizeof value;
  return ::getsockopt(fd, IPPROTO_TCP, option, &value, &size) == 0;
}

/// Nothing that arrives is looked at, so nothing is acknowledged.
bool make_deaf(int fd) {
  sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
  const sock_fprog filter{.len = 1, .filter = &nothing};
  return ::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) == 0;
}

bool choose_queue(int fd, int queue) {
  return set(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, queue);
}

Result<Endpoint> name_of(int fd, int (*ask)(int, sockaddr*, socklen_t*), const char* what) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (ask(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return fail_system(what);
  Endpoint endpoint = Endpoint::from_sockaddr(address);
  // On the wire it is an IPv4 connection, and another socket need not be of both families.
  constexpr std::array<uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  const auto bytes = endpoint.ip.bytes();
  if (endpoint.ip.is_v6() && std::equal(kMapped.begin(), kMapped.end(), bytes.begin())) {
    endpoint.ip = IpAddress::from_bytes(bytes.last<4>());
  }
  return endpoint;
}

/// What is in the chosen queue: at most `room` bytes.
Result<std::string> peek(int fd, size_t room) {
  std::string bytes(room, '\0');
  const ssize_t got = ::recv(fd, bytes.data(), bytes.size(), MSG_PEEK | MSG_DONTWAIT);
  if (got < 0) return fail_system("read a queue");
  bytes.resize(static_cast<size_t>(got));
  return bytes;
}

Status dump_received(int fd, TcpImage& image) {
  int waiting = 0;
  if (!choose_queue(fd, kReceiveQueue) || !get(fd, TCP_QUEUE_SEQ, image.acknowledged) ||
      ::ioctl(fd, SIOCINQ, &waiting) != 0) {
    return fail_system("look at what was received");
  }
  if (waiting == 0) return {};
  if (static_cast<size_t>(waiting) > kMostQueued) return fail("too many bytes wait");
  auto bytes = peek(fd, static_cast<size_t>(waiting));
  if (!bytes) return tl::unexpected(bytes.error());
  // Urgent bytes are not among them.
  if (bytes->size() != static_cast<size_t>(waiting)) return fail("urgent bytes wait");
  image.received = std::move(*bytes);
  return {};
}

Status dump_sent(int fd, size_t unsent, Dumped& out) {
  int waiting = 0;
  uint32_t next = 0;
  if (!choose_queue(fd, kSendQueue) || !get(fd, TCP_QUEUE_SEQ, next) ||
      ::ioctl(fd, SIOCOUTQ, &waiting) != 0) {
    return fail_system("look at what was sent");
  }
  const auto all = static_cast<size_t>(waiting);
  out.image.sequence = next - static_cast<uint32_t>(all);
  if (all == 0) return {};
  if (all > kMostQueued) return fail("too many bytes wait");
  auto bytes = peek(fd, all + kHeadRoom);
  if (!bytes) return tl::unexpected(bytes.error());
  if (bytes->size() < all || unsent > all) return fail("its send queue cannot be read");
  bytes->erase(0, bytes->size() - all);
  out.unsent = bytes->substr(all - unsent);
  bytes->resize(all - unsent);
  out.image.sent = std::move(*bytes);
  return {};
}

Status dump_options(int fd, const tcp_info& info, TcpImage& image) {
  int mss = 0;
  tcp_repair_window window{};
  if (!get(fd, TCP_MAXSEG, mss) || !get(fd, TCP_TIMESTAMP, image.timestamp) ||
      !get(fd, TCP_REPAIR_WINDOW, window)) {
    return fail_system("read the state of a socket");
  }
  image.mss = static_cast<uint32_t>(mss);
  image.sack = (info.tcpi_options & TCPI_OPT_SACK) != 0;
  image.timestamps = (info.tcpi_options & TCPI_OPT_TIMESTAMPS) != 0;
  if ((info.tcpi_options & TCPI_OPT_WSCALE) != 0) {
    image.scales = TcpImage::Scales{.send = info.tcpi_snd_wscale, .receive = info.tcpi_rcv_wscale};
  }
  image.window = {.updated_by = window.snd_wl1,
                  .send = window.snd_wnd,
                  .most_send = window.max_window,
                  .receive = window.rcv_wnd,
                  .told_at = window.rcv_wup};
  return {};
}

Status dump_all(int fd, Dumped& out) {
  if (!make_deaf(fd)) return fail_system("make a socket deaf");
  tcp_info info{};
  if (!get(fd, TCP_INFO, info)) return fail_system("read the state of a socket");
  if (info.tcpi_state != kEstablished) return fail("{}", kClosing);
  auto local = name_of(fd, ::getsockname, "read the address of a socket");
  if (!local) return tl::unexpected(local.error());
  auto remote = name_of(fd, ::getpeername, "read the address of a peer");
  if (!remote) return tl::unexpected(remote.error());
  out.image.local = *local;
  out.image.remote = *remote;
  if (auto done = dump_options(fd, info, out.image); !done) return done;
  if (auto done = dump_received(fd, out.image); !done) return done;
  return dump_sent(fd, info.tcpi_notsent_bytes, out);
}

// ---- restore

bool speak_for_others(int fd, int family, bool on) {
  return family == AF_INET ? set(fd, IPPROTO_IP, IP_TRANSPARENT, on ? 1 : 0)
                           : set(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, on ? 1 : 0);
}

bool set_sequence(int fd, int queue, uint32_t sequence) {
  return choose_queue(fd, queue) && set(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, static_cast<int>(sequence));
}

int call_with(int fd, const Endpoint& endpoint, int (*call)(int, const sockaddr*, socklen_t)) {
  sockaddr_storage address{};
  const socklen_t size = endpoint.to_sockaddr(address);
  return call(fd, reinterpret_cast<const sockaddr*>(&address), size);
}

bool set_options(int fd, const TcpImage& image) {
  std::array<tcp_repair_opt, 4> options{};
  size_t count = 0;
  options[count++] = {.opt_code = kMssOption, .opt_val = image.mss};
  if (image.scales) {
    const uint32_t both = uint32_t{image.scales->receive} << 16U | image.scales->send;
    options[count++] = {.opt_code = kScaleOption, .opt_val = both};
  }
  if (image.sack) options[count++] = {.opt_code = kSackOption, .opt_val = 0};
  if (image.timestamps) options[count++] = {.opt_code = kTimestampOption, .opt_val = 0};
  const auto size = static_cast<socklen_t>(count * sizeof options[0]);
  if (::setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_OPTIONS, options.data(), size) != 0) return false;
  return !image.timestamps ||
         set(fd, IPPROTO_TCP, TCP_TIMESTAMP, static_cast<int>(image.timestamp));
}

/// Room for so many bytes, which no later tuning by the kernel is kept from.
void make_room(int fd, int option, size_t bytes) {
  if (bytes <= kSmall) return;
  set(fd, SOL_SOCKET, option, static_cast<int>(2 * bytes + kHeadRoom));
  set(fd, SOL_SOCKET, SO_BUF_LOCK, 0);
}

bool fill(int fd, int queue, std::string_view bytes, size_t piece) {
  if (bytes.empty()) return true;
  if (!choose_queue(fd, queue)) return false;
  while (!bytes.empty()) {
    const ssize_t put = ::send(fd, bytes.data(), std::min(piece, bytes.size()), MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(put));
  }
  return true;
}

bool set_window(int fd, const TcpImage& image) {
  const tcp_repair_window window{.snd_wl1 = image.window.updated_by,
                                 .snd_wnd = image.window.send,
                                 .max_window = image.window.most_send,
                                 .rcv_wnd = image.window.receive,
                                 .rcv_wup = image.window.told_at};
  return ::setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_WINDOW, &window, sizeof window) == 0;
}

}  // namespace

Result<Dumped> dump(int fd) {
  if (!set(fd, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_ON)) return fail_system("TCP_REPAIR");
  Dumped out;
  if (auto done = dump_all(fd, out); !done) {
    wake(fd, false);
    return tl::unexpected(done.error());
  }
  return out;
}

Result<UniqueFd> restore(const TcpImage& image) {
  const int family = image.local.ip.family();
  UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fail_system("open a socket");
  if (!set(fd.get(), IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_ON)) return fail_system("TCP_REPAIR");
  if (!make_deaf(fd.get())) return fail_system("make a socket deaf");
  if (!speak_for_others(fd.get(), family, true)) return fail_system("IP_TRANSPARENT");
  if (call_with(fd.get(), image.local, ::bind) != 0) {
    return fail_system("bind to " + image.local.to_string());
  }
  const uint32_t unread = image.acknowledged - static_cast<uint32_t>(image.received.size());
  if (!set_sequence(fd.get(), kReceiveQueue, unread) ||
      !set_sequence(fd.get(), kSendQueue, image.sequence)) {
    return fail_system("set a sequence number");
  }
  if (call_with(fd.get(), image.remote, ::connect) != 0) {
    return fail_system("connect to " + image.remote.to_string());
  }
  if (!set_options(fd.get(), image)) return fail_system("set what a handshake agreed on");
  make_room(fd.get(), SO_RCVBUFFORCE, image.received.size());
  make_room(fd.get(), SO_SNDBUFFORCE, image.sent.size());
  if (!fill(fd.get(), kReceiveQueue, image.received, kPiece)) {
    return fail_system("put back what was received");
  }
  if (!fill(fd.get(), kSendQueue, image.sent, image.sent.size())) {
    return fail_system("put back what was sent");
  }
  if (!set_window(fd.get(), image)) return fail_system("set a window");
  // What is to hold for both is the owner's choice again once it is restored.
  if (!image.transparent) speak_for_others(fd.get(), family, false);
  return fd;
}

void wake(int fd, bool probe) {
  set(fd, SOL_SOCKET, SO_DETACH_FILTER, 0);
  set(fd, IPPROTO_TCP, TCP_REPAIR, probe ? TCP_REPAIR_OFF : TCP_REPAIR_OFF_NO_WP);
  // Repair has undone it; without it, nobody could listen at this port again.
  set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
}

}  // namespace hapair::lbcore::handover
