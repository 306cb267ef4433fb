#include "tests/bench/relay/meter.h"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "tests/support/wait.h"

namespace hapair::test::bench {

namespace {

size_t occurrences(const std::string& text, std::string_view word) {
  size_t out = 0;
  for (size_t at = 0; (at = text.find(word, at)) != std::string::npos; at += word.size()) ++out;
  return out;
}

}  // namespace

Duration ProcessorTime::so_far() const {
  int64_t total = 0;
  for (const pid_t pid : processes_) {
    std::error_code gone;
    for (const auto& thread :
         std::filesystem::directory_iterator(fmt::format("/proc/{}/task", pid), gone)) {
      std::ifstream file(thread.path() / "schedstat");
      int64_t nanoseconds = 0;
      if (file >> nanoseconds) total += nanoseconds;
    }
  }
  return std::chrono::nanoseconds(total);
}

void SystemCalls::begin() {
  std::vector<std::string> argv{"strace", "-f", "-c", "-U", "name,calls", "-o", dir_ / "counts"};
  for (const pid_t pid : processes_) {
    argv.emplace_back("-p");
    argv.push_back(std::to_string(pid));
  }
  strace_ = std::make_unique<Process>(Launch{.argv = argv});
  const auto attached = eventually(
      10s, [&] { return occurrences(strace_->err(), " attached") == processes_.size(); },
      "strace attaches");
  if (!attached) throw std::runtime_error(fmt::format("strace: {}", strace_->err()));
}

void SystemCalls::end() {
  strace_->signal(SIGINT);
  strace_->wait(10s);
  std::istringstream lines(read_file(dir_ / "counts"));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name;
    uint64_t calls = 0;
    if (words >> name >> calls && name != "total") counts_[name] = calls;
  }
}

}  // namespace hapair::test::bench
