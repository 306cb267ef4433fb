#include "tests/support/files.h"

#include <array>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/result.h"
#include "common/unique_fd.h"

namespace hapair::test {

TempDir::TempDir() {
  const char* parent = std::getenv("TMPDIR");
  path_ = std::string(parent != nullptr ? parent : "/tmp") + "/hapair-XXXXXX";
  if (::mkdtemp(path_.data()) == nullptr) throw_system("create directory " + path_);
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TempDir::operator/(std::string_view name) const {
  return path_ + "/" + std::string(name);
}

void write_file(const std::string& path, std::string_view text, mode_t mode) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
  if (!fd || ::fchmod(fd.get(), mode) != 0) throw_system("create " + path);
  while (!text.empty()) {
    const ssize_t written = ::write(fd.get(), text.data(), text.size());
    if (written < 0) throw_system("write " + path);
    text.remove_prefix(static_cast<size_t>(written));
  }
}

std::string read_file(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) throw_system("open " + path);
  std::string text;
  std::array<char, 16384> buffer{};
  for (;;) {
    const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got < 0) throw_system("read " + path);
    if (got == 0) return text;
    text.append(buffer.data(), static_cast<size_t>(got));
  }
}

uint16_t free_port() {
  for (int attempt = 0; attempt < 100; ++attempt) {
    const UniqueFd tcp(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const UniqueFd udp(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(tcp.get(), generic, length) != 0) throw_system("bind a free port");
    if (::getsockname(tcp.get(), generic, &length) != 0) throw_system("read a free port");
    if (::bind(udp.get(), generic, length) == 0) return ntohs(address.sin_port);
  }
  throw std::runtime_error("no port is free for both TCP and UDP");
}

}  // namespace hapair::test
