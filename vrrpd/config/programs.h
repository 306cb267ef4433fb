// The programs that an operator has vrrpd run, as the configuration names them: the hooks of a
// router, and the [track NAME] scripts. Checked here, before anything depends on them.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/clock.h"
#include "common/config/schema.h"
#include "common/result.h"
#include "vrrpd/hooks/hook_queue.h"

namespace hapair::vrrp {

/// Of one router.
struct HookPrograms {
  std::array<std::string, 4> programs;  // by HookKind; empty: none
  std::string user;                     // empty without any hook
  Duration timeout{0};

  [[nodiscard]] const std::string& of(HookKind kind) const {
    return programs.at(static_cast<size_t>(kind));
  }
  friend bool operator==(const HookPrograms&, const HookPrograms&) = default;
};

/// One [track NAME] section.
struct TrackScript {
  std::string name;
  std::vector<std::string> argv;
  Duration interval{0};
  Duration timeout{0};
  uint32_t rise = 1;
  uint32_t fall = 1;
  int weight = 0;
  std::string user;
  friend bool operator==(const TrackScript&, const TrackScript&) = default;
};

/// The key table of [track NAME].
std::span<const config::Key> track_keys();

using Complain = std::function<void(const Error&)>;
HookPrograms read_hooks(const config::Section& router, const Complain& complain);
TrackScript read_script(const config::Section& track, const Complain& complain);

/// Words separated by blanks; "..." and '...' hold blanks, a backslash takes the next letter as it
/// is. No shell reads them.
Result<std::vector<std::string>> split_words(std::string_view text);

/// Why `path` cannot be run by `user`, or "".
std::string what_is_wrong_with_program(const std::string& path, const std::string& user);

}  // namespace hapair::vrrp
