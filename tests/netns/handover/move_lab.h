// Two nodes and a client on a switch, and a VIP (one of each family) that one of the nodes has. The
// test plays both nodes: sockets stay in the namespace in which they were opened.
#pragma once

#include <array>
#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "common/address.h"
#include "common/unique_fd.h"
#include "tests/support/namespace.h"
#include "tests/support/switch.h"
#include "tests/support/wait.h"

namespace hapair::test {

class MoveLab {
 public:
  MoveLab() {
    lan_.connect(client, "eth0", "10.0.0.9/24");
    lan_.connect(lb1, "eth0", "10.0.0.1/24");
    lan_.connect(lb2, "eth0", "10.0.0.2/24");
    client.ip_batch("addr add fd00::9/64 dev eth0 nodad");
    for (const Namespace* node : {&lb1, &lb2}) {
      // As on a router: nothing may be forwarded to where it is answered with a reset.
      node->sysctl("ipv4.ip_forward", "1");
      node->sysctl("ipv4.conf.all.send_redirects", "0");
      node->sysctl("ipv4.conf.eth0.send_redirects", "0");
    }
    lb1.ip_batch("addr add fd00::1/64 dev eth0 nodad");
    lb2.ip_batch("addr add fd00::2/64 dev eth0 nodad");
    give(lb1);
  }

  static void take(const Namespace& node, std::vector<std::string> more = {}) {
    change(node, "del", std::move(more));
  }
  static void give_unannounced(const Namespace& node, std::vector<std::string> more = {}) {
    change(node, "add", std::move(more));
  }
  /// From now on the client looks for the VIPs there.
  void announce(const Namespace& node) const { announce_to(client, node); }
  void announce_to(const Namespace& listener, const Namespace& node,
                   const std::vector<std::string>& more = {}) const {
    std::string batch;
    const std::string mac = node.mac("eth0");
    auto all = more;
    all.insert(all.end(), {"10.0.0.100", "fd00::100"});
    for (const std::string& vip : all) {
      batch += "neigh replace " + vip + " lladdr " + mac + " dev eth0 nud reachable\n";
    }
    listener.ip_batch(batch);
  }
  void give(const Namespace& node) const {
    give_unannounced(node);
    announce(node);
  }

  const Namespace client{"client"};
  const Namespace lb1{"lb1"};
  const Namespace lb2{"lb2"};
  Switch lan_{"lan"};

 private:
  static void change(const Namespace& node, std::string_view verb, std::vector<std::string> more) {
    std::string batch;
    more.insert(more.end(), {"10.0.0.100", "fd00::100"});
    for (const std::string& vip : more) {
      const bool v6 = vip.find(':') != std::string::npos;
      batch += "addr " + std::string(verb) + " " + vip + (v6 ? "/128" : "/32") + " dev eth0" +
               (v6 && verb == "add" ? " nodad" : "") + "\n";
    }
    node.ip_batch(batch);
  }
};

inline Endpoint endpoint(std::string_view text) {
  return Endpoint::parse(text).value();
}

inline UniqueFd stream_socket(const Namespace& in, int family) {
  UniqueFd fd = in.run([&] { return UniqueFd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)); });
  const timeval patience{.tv_sec = 20, .tv_usec = 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  return fd;
}

inline UniqueFd listen_at(const Namespace& in, const Endpoint& at) {
  UniqueFd fd = stream_socket(in, at.ip.family());
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_storage address{};
  const socklen_t size = at.to_sockaddr(address);
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size), 0)
      << at.to_string() << ": " << std::system_category().message(errno);
  EXPECT_EQ(::listen(fd.get(), 1000), 0);
  return fd;
}

inline UniqueFd connect_from(const Namespace& in, const Endpoint& to) {
  UniqueFd fd = stream_socket(in, to.ip.family());
  sockaddr_storage address{};
  const socklen_t size = to.to_sockaddr(address);
  EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), size), 0)
      << to.to_string() << ": " << std::system_category().message(errno);
  return fd;
}

inline void set_blocking(int fd, bool on) {
  const int flags = ::fcntl(fd, F_GETFL);
  ::fcntl(fd, F_SETFL, on ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

/// Exactly so many bytes, or what came before the end or the error, which is appended.
inline std::string hear(int fd, size_t bytes) {
  std::string out;
  std::array<char, 65536> buffer{};
  while (out.size() < bytes) {
    const ssize_t got = ::recv(fd, buffer.data(), std::min(buffer.size(), bytes - out.size()), 0);
    if (got > 0) {
      out.append(buffer.data(), static_cast<size_t>(got));
    } else {
      return out + (got == 0 ? "<END>" : "<" + std::system_category().message(errno) + ">");
    }
  }
  return out;
}

inline void say(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t put = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    ASSERT_GT(put, 0) << std::system_category().message(errno);
    text.remove_prefix(static_cast<size_t>(put));
  }
}

/// As much as the kernel takes of `text` without waiting; how much that was.
inline size_t say_what_fits(int fd, std::string_view text) {
  size_t said = 0;
  while (said < text.size()) {
    const ssize_t put =
        ::send(fd, text.data() + said, text.size() - said, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (put <= 0) break;
    said += static_cast<size_t>(put);
  }
  return said;
}

/// Bytes that no two places have in the same order.
inline std::string pattern(size_t bytes, uint32_t seed = 1) {
  std::string out(bytes, '\0');
  uint64_t state = seed * 0x9e3779b97f4a7c15ULL + 1;
  for (char& byte : out) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    byte = static_cast<char>(state >> 56U);
  }
  return out;
}

}  // namespace hapair::test
