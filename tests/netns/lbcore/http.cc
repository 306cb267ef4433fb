#include "tests/netns/lbcore/http.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <xxhash.h>

#include "common/clock.h"

namespace hapair::test {

namespace {

bool to_socket(int fd, const Endpoint& endpoint, decltype(&::connect) call) {
  sockaddr_storage address{};
  const socklen_t size = endpoint.to_sockaddr(address);
  return call(fd, reinterpret_cast<const sockaddr*>(&address), size) == 0;
}

std::string header(const std::string& head, const std::string& name) {
  const std::string start = "\r\n" + name + ": ";
  const size_t at = head.find(start);
  if (at == std::string::npos) return {};
  const size_t begin = at + start.size();
  return head.substr(begin, head.find("\r\n", begin) - begin);
}

/// One answer as it arrives.
class Reader {
 public:
  explicit Reader(int fd) : fd_(fd) { XXH64_reset(state_, 0); }
  ~Reader() { XXH64_freeState(state_); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  Answer read(size_t pause_every) {
    Answer answer;
    std::string head;
    size_t end = std::string::npos;
    while ((end = head.find("\r\n\r\n")) == std::string::npos) {
      if (!receive(answer)) return answer;
      head += chunk_;
    }
    answer.status = std::atoi(head.c_str() + std::strlen("HTTP/1.1 "));
    answer.server = header(head, "X-Server");
    answer.checksum = header(head, "X-Checksum");
    const size_t length = std::stoull("0" + header(head, "Content-Length"));
    chunk_ = head.substr(end + 4);
    size_t rested = 0;
    for (size_t got = 0;;) {
      got += chunk_.size();
      XXH64_update(state_, chunk_.data(), chunk_.size());
      if (length <= kKept) answer.body += chunk_;
      if (got >= length) break;
      if (pause_every > 0 && got - rested >= pause_every) {
        rested = got;
        std::this_thread::sleep_for(1ms);
      }
      if (!receive(answer)) return answer;
    }
    answer.digest = XXH64_digest(state_);
    return answer;
  }

 private:
  static constexpr size_t kKept = 4096;

  bool receive(Answer& answer) {
    const ssize_t got = ::recv(fd_, buffer_.data(), buffer_.size(), 0);
    if (got > 0) {
      chunk_.assign(buffer_.data(), static_cast<size_t>(got));
      return true;
    }
    answer.error = got == 0 ? "ended early" : std::strerror(errno);
    return false;
  }

  int fd_;
  XXH64_state_t* state_ = XXH64_createState();
  std::array<char, 65536> buffer_{};
  std::string chunk_;
};

}  // namespace

UniqueFd connect_from(const Namespace& from, const Endpoint& target, const IpAddress& source) {
  UniqueFd fd = from.run(
      [&] { return UniqueFd(::socket(target.ip.family(), SOCK_STREAM | SOCK_CLOEXEC, 0)); });
  const timeval deadline{.tv_sec = 5, .tv_usec = 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &deadline, sizeof deadline);
  if (!source.is_unspecified() && !to_socket(fd.get(), {source, 0}, &::bind)) return {};
  if (!to_socket(fd.get(), target, &::connect)) return {};
  return fd;
}

UniqueFd listen_in(const Namespace& in, const Endpoint& listen, int backlog) {
  return in.run([&] {
    UniqueFd fd(::socket(listen.ip.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_TRUE(to_socket(fd.get(), listen, &::bind)) << std::strerror(errno);
    EXPECT_EQ(::listen(fd.get(), backlog), 0);
    return fd;
  });
}

bool Answer::intact() const {
  return ok() && !checksum.empty() && checksum == fmt::format("{:016x}", digest);
}

Answer get(int fd, const std::string& path, size_t pause_every) {
  const std::string request = "GET " + path + " HTTP/1.1\r\nHost: test\r\n\r\n";
  if (::send(fd, request.data(), request.size(), MSG_NOSIGNAL) < 0) {
    return {.error = std::strerror(errno)};
  }
  return Reader(fd).read(pause_every);
}

Answer post(int fd, const std::string& body) {
  const std::string request =
      fmt::format("POST /in HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n\r\n", body.size()) +
      body;
  for (size_t sent = 0; sent < request.size();) {
    const ssize_t now = ::send(fd, request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
    if (now < 0) return {.error = std::strerror(errno)};
    sent += static_cast<size_t>(now);
  }
  Answer answer = Reader(fd).read(0);
  // "BYTES CHECKSUM\n"
  const size_t space = answer.body.find(' ');
  if (space != std::string::npos) answer.checksum = answer.body.substr(space + 1, 16);
  answer.digest = XXH64(body.data(), body.size(), 0);
  return answer;
}

Answer get_from(const Namespace& from, const Endpoint& target, const std::string& path,
                const IpAddress& source) {
  const UniqueFd fd = connect_from(from, target, source);
  if (!fd) return {.error = std::string("connect: ") + std::strerror(errno)};
  return get(fd.get(), path);
}

}  // namespace hapair::test
