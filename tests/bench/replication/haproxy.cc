#include "tests/bench/replication/haproxy.h"

#include <array>
#include <cstring>
#include <stdexcept>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lbcore/sticky/session_table.h"
#include "tests/support/wait.h"
#include "tests/unit/lbcore/replicate/fake_tables.h"

namespace hapair::test::bench {

namespace {

constexpr uint32_t kCommandsPerLine = 250;

UniqueFd connect_to(const std::string& path) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), std::min(path.size(), sizeof address.sun_path - 1));
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): POSIX sockets are typed by casting
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fd.reset();
  return fd;
}

std::string key(uint32_t number) {
  return lbcore::replicate::test::client(number).to_string();
}

}  // namespace

Haproxy::Haproxy(const Namespace& in, std::string name) {
  write_file(dir_ / "haproxy.cfg", fmt::format(R"(global
    nbthread 1
    maxconn 2000
    stats socket {0} mode 600 level admin
    stats timeout 1h
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
peers lab
    peer A 10.255.0.1:10000
    peer B 10.255.0.2:10000
backend st
    stick-table type ip size 2m expire 1h store gpc0 peers lab
)",
                                               dir_ / "sock"));
  process_ = std::make_unique<Process>(Launch{
      .argv = {"haproxy", "-db", "-L", std::move(name), "-f", dir_ / "haproxy.cfg"}, .in = &in});
  const auto answers = eventually(10s, [&] {
    socket_ = connect_to(dir_ / "sock");
    return static_cast<bool>(socket_);
  });
  if (!answers) throw std::runtime_error("haproxy does not answer: " + process_->err());
  command("prompt");
  command("set timeout cli 1h");
}

std::string Haproxy::command(const std::string& line, size_t answers) {
  const std::string text = line + "\n";
  if (::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(text.size())) {
    throw std::runtime_error("haproxy takes no commands");
  }
  std::string out;
  std::array<char, 65536> buffer{};
  for (size_t seen = 0, at = 0; seen < answers;) {
    const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (got <= 0) throw std::runtime_error("haproxy closed its command line");
    out.append(buffer.data(), static_cast<size_t>(got));
    while ((at = out.find("\n> ", at)) != std::string::npos) {
      ++seen;
      at += 3;
    }
    at = out.size() < 2 ? 0 : out.size() - 2;
  }
  return out;
}

void Haproxy::set(uint32_t number) {
  command(fmt::format("set table st key {} data.gpc0 1", key(number)));
}

bool Haproxy::has(uint32_t number) {
  return command(fmt::format("show table st key {}", key(number))).find("key=") !=
         std::string::npos;
}

size_t Haproxy::size() {
  const std::string shown = command("show table");
  const size_t at = shown.find("used:");
  return at == std::string::npos ? 0 : std::stoul(shown.substr(at + 5));
}

void Haproxy::fill(uint32_t from, uint32_t to) {
  while (from < to) {
    std::string line;
    uint32_t count = 0;
    for (; count < kCommandsPerLine && from < to; ++count, ++from) {
      line += fmt::format("{}set table st key {} data.gpc0 1", count == 0 ? "" : ";", key(from));
    }
    command(line, count);
  }
}

}  // namespace hapair::test::bench
