#include "common/process.h"

#include <array>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

namespace hapair {

Result<InstanceLock> InstanceLock::acquire(const std::string& run_dir, std::string_view program) {
  if (::mkdir(run_dir.c_str(), 0755) != 0 && errno != EEXIST)
    return fail_system("create " + run_dir);
  const std::string path = fmt::format("{}/{}.lock", run_dir, program);
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!fd) return fail_system("open " + path);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail_system("lock " + path);
    std::array<char, 32> pid{};
    const ssize_t got = ::pread(fd.get(), pid.data(), pid.size() - 1, 0);
    const std::string holder =
        got > 0 ? std::string(pid.data(), static_cast<size_t>(got)) : "unknown";
    return fail("{} runs already with pid {} ({} is locked)", program, holder, path);
  }
  InstanceLock lock(std::move(fd));
  if (auto signed_now = lock.sign(); !signed_now) {
    return fail("{}: {}", path, signed_now.error().message);
  }
  return lock;
}

Status InstanceLock::sign() const {
  const std::string pid = std::to_string(::getpid());
  if (::ftruncate(fd_.get(), 0) != 0 || ::pwrite(fd_.get(), pid.data(), pid.size(), 0) < 0) {
    return fail_system("write the process id");
  }
  return {};
}

void notify_supervisor(std::string_view state) {
  ::sd_notify(0, std::string(state).c_str());
}

size_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

}  // namespace hapair
