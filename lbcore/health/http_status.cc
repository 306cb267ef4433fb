#include "lbcore/health/http_status.h"

namespace hapair::lbcore::health {

namespace {

constexpr std::string_view kVersion = "HTTP/1.";
constexpr size_t kMinor = kVersion.size();  // the digit behind "HTTP/1."
constexpr size_t kCode = kMinor + 2;
constexpr size_t kReason = kCode + 4;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// HTAB / SP / VCHAR / obs-text
bool is_reason(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
}

}  // namespace

HttpStatusParser::State HttpStatusParser::feed(std::string_view bytes) {
  for (const char c : bytes) {
    if (state_ != State::reading) break;
    take(c);
  }
  return state_;
}

void HttpStatusParser::take(char c) {
  const size_t at = at_++;
  if (at >= kMaxLineBytes) return refuse("status line is too long");
  if (at < kMinor) {
    if (c != kVersion[at]) refuse("answer is not HTTP/1");
  } else if (at == kMinor) {
    if (c != '0' && c != '1') refuse("answer is not HTTP/1.0 or HTTP/1.1");
  } else if (at == kCode - 1) {
    if (c != ' ') refuse("no space before the status code");
  } else if (at < kCode + 3) {
    if (!is_digit(c)) return refuse("status code is not three digits");
    status_ = static_cast<uint16_t>(status_ * 10 + (c - '0'));
    if (at == kCode + 2 && (status_ < 100 || status_ > 599)) {
      refuse("status code is not 100 to 599");
    }
  } else if (at < kReason) {
    if (c != ' ') refuse("no space behind the status code");
  } else if (line_feed_due_) {
    if (c != '\n') return refuse("carriage return without line feed");
    state_ = State::done;
  } else if (c == '\r') {
    line_feed_due_ = true;
  } else if (c == '\n') {
    refuse("line feed without carriage return");
  } else if (!is_reason(c)) {
    refuse("control character in the status line");
  }
}

void HttpStatusParser::refuse(std::string_view reason) {
  state_ = State::refused;
  refusal_ = reason;
}

}  // namespace hapair::lbcore::health
