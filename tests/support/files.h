// Files and ports for tests.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <sys/stat.h>

namespace hapair::test {

/// A fresh directory under TMPDIR (or /tmp), removed with all its contents in the destructor.
/// Short: Unix sockets inside must fit into 108 bytes.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string operator/(std::string_view name) const;

 private:
  std::string path_;
};

/// Replaces `path`; throws std::system_error.
void write_file(const std::string& path, std::string_view text, mode_t mode = 0644);
std::string read_file(const std::string& path);

/// A TCP and UDP port of 127.0.0.1 that nobody uses now, in the namespace of the calling thread.
uint16_t free_port();

}  // namespace hapair::test
