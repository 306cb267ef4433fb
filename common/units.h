// Durations, sizes and switches as operators write them: `10ms`, `2s`, `5m`, `1h`; `64k`, `1m`,
// `2g`; `yes`, `no`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/clock.h"
#include "common/result.h"

namespace hapair {

/// A number (fractions allowed) with one of the units us, ms, s, m, h, d. A bare `0` is fine, any
/// other bare number is not.
Result<Duration> parse_duration(std::string_view text);
/// Bytes: a whole number, optionally with k, m or g (powers of 1024).
Result<uint64_t> parse_size(std::string_view text);
/// yes/no, true/false, on/off.
Result<bool> parse_switch(std::string_view text);
/// A whole decimal number and nothing else.
Result<int64_t> parse_integer(std::string_view text);

/// The shortest exact text in one unit: 10ms, 1.5s, 5m.
std::string format_duration(Duration duration);

/// "36 ms", "3.6 s": for people, never parsed.
std::string roughly(Duration duration);

}  // namespace hapair
