#include "tests/support/supervisor.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <sstream>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "tests/support/sanitized.h"
#include "tests/support/wait.h"

namespace hapair::test {

namespace {

constexpr const char* kSystemd = "/lib/systemd/systemd";

/// Where a control group of our own can be made: the named hierarchy of version 1, else version 2.
std::string control_group_root() {
  const std::string named = "/sys/fs/cgroup/systemd";
  return std::filesystem::exists(named) ? named : "/sys/fs/cgroup";
}

}  // namespace

Supervisor::Supervisor(const Namespace& in)
    : in_(in),
      control_group_(fmt::format("{}/hapair-{}", control_group_root(),
                                 std::filesystem::path(dir_.path()).filename().string())) {
  if (!std::filesystem::exists(kSystemd)) {
    throw std::runtime_error(fmt::format("{} does not exist: install systemd", kSystemd));
  }
  write_file(dir_ / "lab.target", "[Unit]\nDescription=nothing else\nDefaultDependencies=no\n");
  // A control group of its own, then the namespaces, then PID 1. /run is its own: systemctl finds
  // this systemd there, and not the machine's.
  const std::string script = fmt::format(
      "set -e\nmkdir -p {0}\necho $$ >{0}/cgroup.procs\n"
      "exec unshare --fork --kill-child --pid --mount-proc --cgroup --uts --ipc sh -c '"
      "mount --make-rprivate / && mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system && "
      "exec env -i PATH=\"$PATH\" container=test SYSTEMD_UNIT_PATH={1} {2} --system "
      "--unit=lab.target --log-target=console'",
      control_group_, dir_.path(), kSystemd);
  process_.emplace(Launch{.argv = {"sh", "-c", script}, .in = &in_});
  const bool up = static_cast<bool>(eventually(10s, [&] {
    const auto children = process_->children();
    if (children.empty()) return false;
    systemd_ = children.front();
    return inside({"systemctl", "is-active", "lab.target"}).ok();
  }));
  if (!up) throw std::runtime_error("systemd does not come up: " + log());
}

Supervisor::~Supervisor() {
  if (systemd_ > 0) ::kill(systemd_, SIGKILL);  // takes its whole PID namespace along
  (void)process_->wait(5s);
  std::error_code ignored;
  std::vector<std::filesystem::path> groups{control_group_};
  for (std::filesystem::recursive_directory_iterator at(control_group_, ignored), end; at != end;
       at.increment(ignored)) {
    if (at->is_directory(ignored)) groups.push_back(at->path());
  }
  // Innermost first: a group with groups in it cannot go. A few milliseconds pass until the kernel
  // lets go.
  std::ranges::reverse(groups);
  (void)eventually(2s, [&] {
    return std::ranges::all_of(
        groups, [](const auto& group) { return ::rmdir(group.c_str()) == 0 || errno == ENOENT; });
  });
}

void Supervisor::start(const std::string& name, std::string unit) {
  // PID 1 has no output to inherit, and there is no journal here.
  const std::string service = "[Service]\n";
  unit.insert(unit.find(service) + service.size(),
              fmt::format("StandardOutput=append:{0}\nStandardError=append:{0}\n", dir_ / "log"));
  write_file(dir_ / (name + ".service"), unit);
  const Finished done = inside({"systemctl", "start", name + ".service"});
  if (!done.ok()) {
    throw std::runtime_error(fmt::format("systemctl start {}: {}{}", name, done.err, log()));
  }
}

std::vector<int> Supervisor::processes() const {
  std::vector<int> out;
  for (const pid_t service : Process::children_of(systemd_)) {
    out.push_back(service);
    for (const pid_t child : Process::children_of(service)) out.push_back(child);
  }
  return out;
}

std::string Supervisor::log() const {
  const std::string path = dir_ / "log";
  return process_->out() + process_->err() +
         (std::filesystem::exists(path) ? read_file(path) : std::string());
}

Finished Supervisor::inside(std::vector<std::string> argv) const {
  std::vector<std::string> words{
      "nsenter", fmt::format("--target={}", systemd_), "--mount", "--pid", "--cgroup", "--ipc",
      "--uts"};
  words.insert(words.end(), argv.begin(), argv.end());
  return run_program({.argv = std::move(words), .in = &in_});
}

std::string unit_of_vrrpd(const std::string& command) {
  std::istringstream file(read_file(HAPAIR_SOURCE_DIR "/systemd/hapair-vrrpd.service"));
  std::string out;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("Protect") || line.starts_with("Private")) continue;
    if (line.starts_with("[Unit]")) line += "\nDefaultDependencies=no";
    // A sanitizer looks for leaks with calls of a debugger, which the unit forbids, and ends who
    // starts threads after a fork.
    if (kSanitized && line == "[Service]") {
      line += "\nEnvironment=ASAN_OPTIONS=detect_leaks=0 TSAN_OPTIONS=die_after_fork=0";
    }
    const std::string installed = "/usr/sbin/vrrpd";
    if (const size_t at = line.find(installed); at != std::string::npos) {
      line.replace(at, installed.size(), command);
    }
    out += line + "\n";
  }
  return out;
}

}  // namespace hapair::test
