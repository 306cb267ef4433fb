#include "vrrpd/operate/demotion_file.h"

#include <cerrno>
#include <cstdio>
#include <string_view>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/config/ini_reader.h"
#include "common/unique_fd.h"

namespace hapair::vrrp {

namespace {

std::string path_in(const std::string& state_dir) {
  return state_dir + "/demoted";
}

Status sync_directory(const std::string& state_dir) {
  const UniqueFd directory(::open(state_dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory || ::fsync(directory.get()) != 0) return fail_system("sync " + state_dir);
  return {};
}

Status write_whole(const std::string& path, std::string_view text) {
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!file) return fail_system("create " + path);
  while (!text.empty()) {
    const ssize_t written = ::write(file.get(), text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail_system("write " + path);
    text.remove_prefix(static_cast<size_t>(written));
  }
  if (::fsync(file.get()) != 0) return fail_system("sync " + path);
  return {};
}

}  // namespace

std::optional<Demotion> read_demotion(const std::string& state_dir) {
  const std::string path = path_in(state_dir);
  if (::access(path.c_str(), F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR)) {
    return std::nullopt;
  }
  const auto text = config::read_text(path);
  return Demotion::from_file_text(text ? *text : std::string());
}

Status write_demotion(const std::string& state_dir, const std::optional<Demotion>& demotion) {
  const std::string path = path_in(state_dir);
  if (!demotion) {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return fail_system("remove " + path);
    return {};
  }
  if (::mkdir(state_dir.c_str(), 0750) != 0 && errno != EEXIST) {
    return fail_system("create " + state_dir);
  }
  const std::string next = path + ".new";
  if (Status written = write_whole(next, demotion->to_text()); !written) return written;
  if (::rename(next.c_str(), path.c_str()) != 0) return fail_system("replace " + path);
  return sync_directory(state_dir);
}

}  // namespace hapair::vrrp
