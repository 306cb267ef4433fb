#include "tests/support/namespace.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <stdexcept>

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/result.h"
#include "tests/support/process.h"

namespace hapair::test {

namespace {

UniqueFd make_namespace() {
  UniqueFd fd;
  std::exception_ptr trouble;
  std::thread([&] {
    try {
      if (::unshare(CLONE_NEWNET) != 0) throw_system("create a network namespace (needs root)");
      fd.reset(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
      if (!fd) throw_system("open the new network namespace");
    } catch (...) {
      trouble = std::current_exception();
    }
  }).join();
  if (trouble) std::rethrow_exception(trouble);
  return fd;
}

std::vector<std::string> split_words(std::string_view words) {
  std::istringstream in{std::string(words)};
  std::vector<std::string> out;
  for (std::string word; in >> word;) out.push_back(word);
  return out;
}

std::string address_text(const sockaddr* address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address->sa_family == AF_INET) {
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, text.data(),
                text.size());
  } else if (address->sa_family == AF_INET6) {
    ::inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr, text.data(),
                text.size());
  }
  return text.data();
}

}  // namespace

Namespace::Namespace(std::string name) : name_(std::move(name)), fd_(make_namespace()) {
  ip_batch("link set lo up");
  for (const char* scope : {"all", "default"}) {
    sysctl(fmt::format("ipv6.conf.{}.accept_dad", scope), "0");
    sysctl(fmt::format("ipv6.conf.{}.accept_ra", scope), "0");
  }
}

Namespace::~Namespace() {
  if (!fd_) return;  // moved from
  for (const int pid : processes()) ::kill(pid, SIGKILL);
}

std::string Namespace::path() const {
  return fmt::format("/proc/{}/fd/{}", ::getpid(), fd_.get());
}

void Namespace::enter() const {
  if (::setns(fd_.get(), CLONE_NEWNET) != 0) throw_system("enter network namespace " + name_);
}

Finished Namespace::try_exec(const std::vector<std::string>& argv) const {
  return run_program({.argv = argv, .in = this});
}

std::string Namespace::exec(const std::vector<std::string>& argv) const {
  return must_succeed(run_program({.argv = argv, .in = this}), argv);
}

std::string Namespace::ip(std::string_view words) const {
  std::vector<std::string> argv = split_words(words);
  argv.insert(argv.begin(), "ip");
  return exec(argv);
}

void Namespace::ip_batch(std::string_view lines) const {
  const std::vector<std::string> argv = {"ip", "-batch", "-"};
  must_succeed(run_program({.argv = argv, .in = this, .stdin_text = std::string(lines)}), argv);
}

void Namespace::nft(std::string_view script) const {
  const std::vector<std::string> argv = {"nft", "-f", "-"};
  must_succeed(run_program({.argv = argv, .in = this, .stdin_text = std::string(script)}), argv);
}

void Namespace::sysctl(std::string_view key, std::string_view value) const {
  std::string file = "/proc/sys/net/" + std::string(key);
  std::ranges::replace(file, '.', '/');
  run([&] {
    std::ofstream out(file);
    out << value << std::flush;
    if (!out) throw std::runtime_error(fmt::format("{}: cannot set {} to {}", name_, file, value));
  });
}

std::vector<std::string> Namespace::addresses() const {
  return run([] {
    ifaddrs* list = nullptr;
    if (::getifaddrs(&list) != 0) throw_system("list addresses");
    const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(list, &::freeifaddrs);
    std::vector<std::string> out;
    for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
      if (entry->ifa_addr == nullptr || (entry->ifa_flags & IFF_LOOPBACK) != 0) continue;
      const std::string text = address_text(entry->ifa_addr);
      if (!text.empty() && !text.starts_with("fe80:")) out.push_back(text);
    }
    std::ranges::sort(out);
    return out;
  });
}

bool Namespace::has_address(std::string_view address) const {
  return std::ranges::count(addresses(), address) > 0;
}

std::string Namespace::mac(std::string_view interface) const {
  std::istringstream in(ip(fmt::format("-br link show dev {}", interface)));
  std::string name;
  std::string state;
  std::string mac;
  in >> name >> state >> mac;
  return mac;
}

std::vector<int> Namespace::processes() const {
  struct stat own {};
  if (::fstat(fd_.get(), &own) != 0) return {};
  std::vector<int> out;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    const std::string pid_text = entry.path().filename().string();
    if (pid_text.find_first_not_of("0123456789") != std::string::npos) continue;
    const int pid = std::stoi(pid_text);
    struct stat its {};
    if (pid == ::getpid() || ::stat((entry.path() / "ns/net").c_str(), &its) != 0) continue;
    if (its.st_ino == own.st_ino && its.st_dev == own.st_dev) out.push_back(pid);
  }
  return out;
}

Loss::Loss(const Namespace& in, std::string interface, int per_mille) : in_(in) {
  static std::atomic<int> serial{0};
  table_ = fmt::format("loss{}", serial++);
  in_.nft(
      fmt::format("table netdev {0} {{ chain drop_some {{\n"
                  "type filter hook ingress device \"{1}\" priority 0;\n"
                  "numgen random mod 1000 < {2} drop\n}}\n}}\n",
                  table_, interface, per_mille));
}

Loss::~Loss() {
  try {
    in_.nft(fmt::format("delete table netdev {}\n", table_));
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): the interface went first
  }
}

}  // namespace hapair::test
