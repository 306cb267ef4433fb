#include "tests/bench/relay/backend.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <set>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/result.h"
#include "tests/bench/relay/placement.h"

namespace hapair::test::bench {

namespace {

constexpr size_t kMostAtOnce = 64;
constexpr size_t kBulkChunk = size_t{256} << 10;

std::string answer() {
  std::string head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 64\r\n\r\n";
  const size_t body = kAnswerBytes - head.size();
  head.replace(head.find("64"), 2, fmt::format("{:02}", body));
  return head + std::string(body, 'x');
}

UniqueFd listen_on(uint16_t port, int type = SOCK_STREAM) {
  UniqueFd out(::socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(out.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (::bind(out.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      (type == SOCK_STREAM && ::listen(out.get(), 65535) != 0)) {
    throw_system(fmt::format("listen on port {}", port));
  }
  return out;
}

void watch(int epoll, int fd, uint32_t events, int operation = EPOLL_CTL_ADD) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  ::epoll_ctl(epoll, operation, fd, &event);
}

size_t requests_in(std::string_view text) {
  size_t out = 0;
  for (size_t at = 0; (at = text.find("\r\n\r\n", at)) != std::string_view::npos; at += 4) ++out;
  return out;
}

}  // namespace

Backend::Backend(const Namespace& inside, const std::vector<int>& processors)
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)), end_(::eventfd(0, EFD_CLOEXEC)) {
  inside.run([this] {
    answers_ = listen_on(kAnswers);
    bulk_ = listen_on(kBulk);
    datagrams_ = listen_on(kDatagrams, SOCK_DGRAM);
  });
  for (const int fd : {answers_.get(), bulk_.get(), datagrams_.get(), end_.get()})
    watch(epoll_.get(), fd, EPOLLIN);
  thread_ = std::thread([this, processors] {
    run_on(processors);
    serve();
  });
}

Backend::~Backend() {
  ::eventfd_write(end_.get(), 1);
  thread_.join();
}

void Backend::serve() {
  const std::string one = answer();
  std::string many;
  for (size_t i = 0; i < kMostAtOnce; ++i) many += one;
  const std::string chunk(kBulkChunk, 'b');
  std::array<char, 16384> buffer{};
  std::array<epoll_event, 256> events{};
  std::set<int> open;
  std::set<int> sends;  // of those: the bulk ones
  const auto shut = [&](int fd) {
    ::close(fd);
    open.erase(fd);
    sends.erase(fd);
  };
  const auto accept_from = [&](int listener, bool bulk) {
    while (true) {
      const int fd = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      const int on = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      open.insert(fd);
      if (bulk) sends.insert(fd);
      watch(epoll_.get(), fd, EPOLLIN);
    }
  };
  const auto answer_datagrams = [&](int fd) {
    for (size_t i = 0; i < kMostAtOnce; ++i) {
      sockaddr_in from{};
      socklen_t size = sizeof from;
      auto* name = reinterpret_cast<sockaddr*>(&from);
      if (::recvfrom(fd, buffer.data(), buffer.size(), 0, name, &size) < 0) return;
      ::sendto(fd, one.data(), one.size(), 0, name, size);
    }
  };
  while (true) {
    const int ready = ::epoll_wait(epoll_.get(), events.data(), events.size(), -1);
    for (int i = 0; i < ready; ++i) {
      const int fd = events[static_cast<size_t>(i)].data.fd;
      const uint32_t what = events[static_cast<size_t>(i)].events;
      if (fd == end_.get()) {
        for (const int left : open) ::close(left);
        return;
      }
      if (fd == datagrams_.get()) {
        answer_datagrams(fd);
        continue;
      }
      if (fd == answers_.get() || fd == bulk_.get()) {
        accept_from(fd, fd == bulk_.get());
        continue;
      }
      if ((what & EPOLLOUT) != 0 && (what & (EPOLLHUP | EPOLLERR)) == 0) {
        (void)::send(fd, chunk.data(), chunk.size(), MSG_NOSIGNAL);
        continue;
      }
      const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), 0);
      if (got <= 0) {
        if (got == 0 || errno != EAGAIN) shut(fd);
        continue;
      }
      if (sends.contains(fd)) {
        watch(epoll_.get(), fd, EPOLLOUT, EPOLL_CTL_MOD);
        continue;
      }
      size_t wanted = requests_in({buffer.data(), static_cast<size_t>(got)});
      for (; wanted > 0; wanted -= std::min(wanted, kMostAtOnce)) {
        (void)::send(fd, many.data(), std::min(wanted, kMostAtOnce) * one.size(), MSG_NOSIGNAL);
      }
    }
  }
}

}  // namespace hapair::test::bench
