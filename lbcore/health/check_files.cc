#include "lbcore/health/check_files.h"

#include <sys/stat.h>
#include <unistd.h>

namespace hapair::lbcore::health {

namespace {

Status check_program(const std::string& path) {
  struct stat file {};
  if (::stat(path.c_str(), &file) != 0) return fail_system("exec " + path);
  if (!S_ISREG(file.st_mode)) return fail("exec {}: is no file", path);
  if ((file.st_mode & S_IWOTH) != 0) return fail("exec {}: anybody may write it", path);
  if (::access(path.c_str(), X_OK) != 0) return fail_system("exec " + path);
  return {};
}

}  // namespace

Status check_files(const CheckSpec& spec) {
  if (!spec.ca_file.empty() && ::access(spec.ca_file.c_str(), R_OK) != 0) {
    return fail_system("ca " + spec.ca_file);
  }
  return spec.kind == CheckKind::exec ? check_program(spec.command) : Status{};
}

}  // namespace hapair::lbcore::health
