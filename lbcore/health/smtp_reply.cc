#include "lbcore/health/smtp_reply.h"

namespace hapair::lbcore::health {

SmtpReply::State SmtpReply::feed(std::string_view bytes) {
  for (const char c : bytes) {
    if (state_ != State::reading) break;
    take(c);
  }
  return state_;
}

void SmtpReply::take(char c) {
  const size_t at = at_++;
  if (at >= kMostLineBytes) return refuse("a line of the reply is too long");
  if (line_feed_due_) {
    if (c != '\n') return refuse("carriage return without line feed");
    if (last_line_) {
      state_ = State::done;
      return;
    }
    if (++lines_ >= kMostLines) return refuse("the reply has too many lines");
    at_ = 0;
    line_code_ = 0;
    line_feed_due_ = false;
    return;
  }
  if (at < 3) {
    if (c < '0' || c > '9') return refuse("answer is not SMTP");
    line_code_ = static_cast<uint16_t>(line_code_ * 10 + (c - '0'));
    if (at == 2) {
      if (line_code_ < 200 || line_code_ > 599) return refuse("reply code is not 200 to 599");
      if (lines_ > 0 && line_code_ != code_) return refuse("lines of one reply differ in code");
      code_ = line_code_;
    }
    return;
  }
  if (c == '\r') {
    if (at == 3) last_line_ = true;  // "250 CRLF" without its blank
    line_feed_due_ = true;
    return;
  }
  if (c == '\n') return refuse("line feed without carriage return");
  if (at == 3) {
    if (c != ' ' && c != '-') return refuse("no blank behind the reply code");
    last_line_ = c == ' ';
  }
}

void SmtpReply::refuse(std::string_view reason) {
  state_ = State::refused;
  refusal_ = reason;
}

}  // namespace hapair::lbcore::health
