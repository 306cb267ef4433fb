// The cheapest relay of TCP connections there can be on sockets and epoll: one thread, no features,
// no timeouts, no half-close. It shows what the machine takes for the system calls alone.
//
// usage: bench_relay_floor PORT SERVER SERVER_PORT ...
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

struct Side {
  int fd = -1;
  Side* other = nullptr;  // null: a listener
  sockaddr_in server = {};
  bool connecting = false;
  bool over = false;
  std::string unsent = {};
};

class Floor {
 public:
  void listen(uint16_t port, const char* server, uint16_t server_port) {
    auto side = std::make_unique<Side>();
    side->fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    side->server.sin_family = AF_INET;
    side->server.sin_port = htons(server_port);
    ::inet_pton(AF_INET, server, &side->server.sin_addr);
    const int on = 1;
    ::setsockopt(side->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    if (::bind(side->fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(side->fd, 65535) != 0) {
      std::perror("listen");
      std::exit(1);
    }
    watch(*side, EPOLLIN, EPOLL_CTL_ADD);
    listeners_.push_back(std::move(side));
  }

  [[noreturn]] void run() {
    std::array<epoll_event, 256> events{};
    while (true) {
      const int ready = ::epoll_wait(epoll_, events.data(), events.size(), -1);
      for (int i = 0; i < ready; ++i) {
        on_event(*static_cast<Side*>(events[static_cast<size_t>(i)].data.ptr),
                 events[static_cast<size_t>(i)].events);
      }
      for (const Side* side : over_) delete side;
      over_.clear();
    }
  }

 private:
  void watch(Side& side, uint32_t what, int operation = EPOLL_CTL_MOD) const {
    epoll_event event{};
    event.events = what;
    event.data.ptr = &side;
    ::epoll_ctl(epoll_, operation, side.fd, &event);
  }

  void end(Side& side) {
    if (side.over) return;
    for (Side* each : {&side, side.other}) {
      each->over = true;
      ::close(each->fd);
      over_.push_back(each);
    }
  }

  void accept_some(const Side& listener) const {
    const int on = 1;
    for (int i = 0; i < 16; ++i) {
      const int fd = ::accept4(listener.fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      auto* client = new Side{.fd = fd};
      auto* server = new Side{.fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0),
                              .other = client,
                              .connecting = true};
      client->other = server;
      ::setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      ::setsockopt(server->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      (void)::connect(server->fd, reinterpret_cast<const sockaddr*>(&listener.server),
                      sizeof listener.server);
      watch(*client, EPOLLIN, EPOLL_CTL_ADD);
      watch(*server, EPOLLIN | EPOLLOUT, EPOLL_CTL_ADD);
    }
  }

  void on_event(Side& side, uint32_t what) {
    if (side.over) return;
    if (side.other == nullptr) return accept_some(side);
    if ((what & EPOLLOUT) != 0) {
      side.connecting = false;
      if (!flush(side)) return;
      watch(side, EPOLLIN);
      watch(*side.other, EPOLLIN);
    }
    if ((what & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) pump(side);
  }

  bool flush(Side& side) {
    while (!side.unsent.empty()) {
      const ssize_t sent = ::send(side.fd, side.unsent.data(), side.unsent.size(), MSG_NOSIGNAL);
      if (sent < 0) {
        if (errno != EAGAIN) end(side);
        return false;
      }
      side.unsent.erase(0, static_cast<size_t>(sent));
    }
    return true;
  }

  void pump(Side& from) {
    Side& to = *from.other;
    const ssize_t got = ::recv(from.fd, buffer_.data(), buffer_.size(), 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return end(from);
    ssize_t sent =
        to.connecting ? 0 : ::send(to.fd, buffer_.data(), static_cast<size_t>(got), MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno != EAGAIN) return end(from);
      sent = 0;
    }
    if (sent == got) return;
    to.unsent.assign(buffer_.data() + sent, static_cast<size_t>(got - sent));
    watch(from, 0);
    if (!to.connecting) watch(to, EPOLLIN | EPOLLOUT);
  }

  int epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  std::vector<std::unique_ptr<Side>> listeners_;
  std::vector<Side*> over_;
  std::array<char, 65536> buffer_{};
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4 || argc % 3 != 1) {
    std::fputs("usage: bench_relay_floor PORT SERVER SERVER_PORT ...\n", stderr);
    return 2;
  }
  Floor floor;
  for (int i = 1; i < argc; i += 3) {
    floor.listen(static_cast<uint16_t>(std::atoi(argv[i])), argv[i + 1],
                 static_cast<uint16_t>(std::atoi(argv[i + 2])));
  }
  floor.run();
}
