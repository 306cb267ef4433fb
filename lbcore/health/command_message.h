// What lbcore and its helper (command_helper.h) say to each other, one message per packet of a
// SOCK_SEQPACKET pair. Pure. Both are the same program: numbers are as the machine has them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hapair::lbcore::health {

struct CommandOrder {
  uint32_t id = 0;
  uint32_t timeout_ms = 0;  // 0: end the command with this id now
  std::vector<std::string> argv = {};
  std::vector<std::string> environment = {};  // all of it

  friend bool operator==(const CommandOrder&, const CommandOrder&) = default;
};

struct CommandEnd {
  enum class How : uint8_t {
    exited,       // with the status `value`
    killed,       // by the signal `value`, which was not ours
    late,         // it was ended, for it had no time left or nobody wants it any more
    not_started,  // for the errno `value`
  };
  uint32_t id = 0;
  How how = How::exited;
  int32_t value = 0;
  std::string line = {};  // the first that it wrote

  friend bool operator==(const CommandEnd&, const CommandEnd&) = default;
};

/// The longest message of either kind.
inline constexpr size_t kMostCommandMessage = size_t{64} << 10;

std::string encode(const CommandOrder& order);
std::string encode(const CommandEnd& end);
/// Nothing: it is none.
std::optional<CommandOrder> decode_order(std::string_view message);
std::optional<CommandEnd> decode_end(std::string_view message);

/// What may be shown of the first line with text in `output`: printable ASCII, 160 bytes at most.
std::string first_line(std::string_view output);

}  // namespace hapair::lbcore::health
