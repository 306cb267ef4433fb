// An access log line, as text or as JSON (lbcore(8) tells the fields). Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "lbcore/observe/access_record.h"

namespace hapair::lbcore::observe {

enum class AccessFormat : uint8_t { text, json };

struct AccessLogSettings {
  std::string target;  // an absolute path, "stderr", or empty: no access log
  AccessFormat format = AccessFormat::text;

  friend bool operator==(const AccessLogSettings&, const AccessLogSettings&) = default;
};

/// Appends one line with its end. `wall_clock`: what a steady TimePoint of 0 was in Unix time.
void append_line(std::string& out, const AccessRecord& record, AccessFormat format,
                 std::chrono::system_clock::duration wall_clock);

}  // namespace hapair::lbcore::observe
