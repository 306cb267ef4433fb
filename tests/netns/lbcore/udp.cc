#include "tests/netns/lbcore/udp.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <poll.h>
#include <sys/socket.h>

#include "common/result.h"

namespace hapair::test {

namespace {

constexpr size_t kMostBytes = 65507;
constexpr int kStopCheckMs = 20;

void to_socket(int fd, const Endpoint& endpoint, decltype(&::connect) call) {
  sockaddr_storage name{};
  const socklen_t size = endpoint.to_sockaddr(name);
  if (call(fd, reinterpret_cast<const sockaddr*>(&name), size) != 0) {
    throw_system("use " + endpoint.to_string());
  }
}

UniqueFd open_socket(const Namespace& in, int family) {
  return in.run([&] {
    UniqueFd fd(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!fd) throw_system("create a socket in " + in.name());
    const int bytes = 4 << 20;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
    return fd;
  });
}

bool readable(int fd, int milliseconds) {
  pollfd one{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&one, 1, milliseconds) > 0;
}

}  // namespace

DatagramServer::DatagramServer(const Namespace& in, std::string name, const Endpoint& listen)
    : name_(std::move(name)), fd_(open_socket(in, listen.ip.family())) {
  to_socket(fd_.get(), listen, &::bind);
  thread_ = std::jthread([this](const std::stop_token& stop) { answer(stop); });
}

void DatagramServer::answer(const std::stop_token& stop) const {
  std::string text;
  while (!stop.stop_requested()) {
    if (!readable(fd_.get(), kStopCheckMs)) continue;
    text.resize(kMostBytes);
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    const ssize_t got = ::recvfrom(fd_.get(), text.data(), text.size(), MSG_DONTWAIT,
                                   reinterpret_cast<sockaddr*>(&from), &size);
    if (got < 0) continue;
    text.resize(static_cast<size_t>(got));
    const std::string named = name_ + " " + text;
    const std::string& out = named.size() > kMostBytes ? text : named;
    ::sendto(fd_.get(), out.data(), out.size(), 0, reinterpret_cast<const sockaddr*>(&from), size);
  }
}

DatagramClient::DatagramClient(const Namespace& in, const Endpoint& target, const IpAddress& source)
    : fd_(open_socket(in, target.ip.family())) {
  if (!source.is_unspecified()) to_socket(fd_.get(), {source, 0}, &::bind);
  to_socket(fd_.get(), target, &::connect);
}

bool DatagramClient::say(const std::string& text) {
  return ::send(fd_.get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size());
}

std::string DatagramClient::hear(Duration within) {
  readable(fd_.get(), static_cast<int>(within / 1ms));
  std::string text(kMostBytes, '\0');
  const ssize_t got = ::recv(fd_.get(), text.data(), text.size(), MSG_DONTWAIT);
  if (got < 0) return std::strerror(errno);
  text.resize(static_cast<size_t>(got));
  return text;
}

std::string DatagramClient::server(const std::string& text) {
  const std::string answer = ask(text);
  const size_t blank = answer.find(' ');
  return answer.substr(blank + 1) == text ? answer.substr(0, blank) : answer;
}

}  // namespace hapair::test
