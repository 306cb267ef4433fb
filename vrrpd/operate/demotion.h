// That an operator took this node out for maintenance, and how it is kept: as a small text that
// people can read, in a file and in memory that outlives the speaker. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hapair::vrrp {

struct Demotion {
  int64_t since_unix = 0;  // seconds
  std::string by;          // "root"
  std::string reason;      // the operator's words, or empty

  /// Why the routers stay out: "demoted by root: new kernel".
  [[nodiscard]] std::string why() const;
  [[nodiscard]] std::string to_text() const;
  /// Nothing when the text is not one of ours, which a file that is there says all the same: see
  /// from_file_text().
  static std::optional<Demotion> parse(std::string_view text);
  /// For a file: whatever is in it, that it is there means demoted.
  static Demotion from_file_text(std::string_view text);

  friend bool operator==(const Demotion&, const Demotion&) = default;
};

/// An operator's words as one line of printable letters, cut to a bound.
std::string one_line(std::string_view text);

}  // namespace hapair::vrrp
