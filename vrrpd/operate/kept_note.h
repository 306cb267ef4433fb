// A short text in memory that the guardian and every speaker share: what one speaker wrote, the
// next one reads, however the first one died. Of two slots only the one that is not read is
// written.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <string>
#include <string_view>

namespace hapair::vrrp {

class KeptNote {
 public:
  static constexpr size_t kBytes = 1024;

  KeptNote();  // before fork(); throws std::system_error
  ~KeptNote();
  KeptNote(const KeptNote&) = delete;
  KeptNote& operator=(const KeptNote&) = delete;

  void write(std::string_view text);  // cut to kBytes
  [[nodiscard]] std::string read() const;

 private:
  struct Memory {
    std::atomic<size_t> current{0};
    std::array<size_t, 2> length{};
    std::array<std::array<char, kBytes>, 2> text{};
  };
  Memory* memory_;
};

}  // namespace hapair::vrrp
