// What starting another program takes, with posix_spawn or with fork and exec.
#pragma once

#include <csignal>
#include <string>
#include <vector>

#include <spawn.h>

namespace hapair {

/// argv or envp of an exec: pointers into `texts`, which must stay, and a null.
inline std::vector<char*> exec_pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

/// A child that inherits neither ignored nor blocked signals.
class SpawnAttributes {
 public:
  /// `flags`: more of posix_spawnattr_setflags(), e.g. POSIX_SPAWN_SETSID.
  explicit SpawnAttributes(int flags) {
    ::posix_spawnattr_init(&attributes_);
    sigset_t all;
    sigset_t none;
    ::sigfillset(&all);
    ::sigemptyset(&none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    flags |= POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
    ::posix_spawnattr_setflags(&attributes_, static_cast<short>(flags));
  }
  ~SpawnAttributes() { ::posix_spawnattr_destroy(&attributes_); }
  SpawnAttributes(const SpawnAttributes&) = delete;
  SpawnAttributes& operator=(const SpawnAttributes&) = delete;

  [[nodiscard]] const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_{};
};

}  // namespace hapair
