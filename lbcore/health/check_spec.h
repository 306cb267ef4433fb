// What an active check does, as written in the configuration:
//   check = none
//   check = tcp interval 2s timeout 1s fall 3 rise 2
//   check = http GET /health expect 200-399 interval 2s timeout 1s fall 3 rise 2
// Every option may be left out, and they may stand in any order, each once. `http` alone is `http
// GET /`; the methods are GET, HEAD and OPTIONS (no body); `expect 204` is a single code. A probe
// ends before the next one begins: timeout must not exceed interval, and when only interval is
// given, timeout is at most that.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/clock.h"
#include "common/result.h"

namespace hapair::lbcore::health {

enum class CheckKind : uint8_t { none, tcp, http };

struct CheckSpec {
  CheckKind kind = CheckKind::tcp;
  std::string method = "GET";
  std::string path = "/";
  uint16_t expect_from = 200;
  uint16_t expect_to = 399;
  Duration interval = 2s;
  Duration timeout = 1s;
  uint32_t fall = 3;
  uint32_t rise = 2;

  friend bool operator==(const CheckSpec&, const CheckSpec&) = default;
};

/// The error names the word that is wrong and what would be valid in its place.
Result<CheckSpec> parse_check(std::string_view text);

/// The canonical text, every option written out; parse_check reads it back.
std::string format_check(const CheckSpec& spec);

}  // namespace hapair::lbcore::health
