// Reads one reply of an SMTP server, byte by byte as it arrives: `250-text CRLF` lines, and a last
// one `250 text CRLF` (RFC 5321 section 4.2). Pure. Lines and their number are bounded; after the
// verdict every byte is ignored.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace hapair::lbcore::health {

class SmtpReply {
 public:
  static constexpr size_t kMostLineBytes = 1024;
  static constexpr size_t kMostLines = 128;

  enum class State : uint8_t { reading, done, refused };

  State feed(std::string_view bytes);

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] uint16_t code() const { return code_; }                // when done
  [[nodiscard]] std::string_view refusal() const { return refusal_; }  // when refused

 private:
  void take(char c);
  void refuse(std::string_view reason);

  State state_ = State::reading;
  bool last_line_ = false;
  bool line_feed_due_ = false;
  size_t at_ = 0;  // bytes of the line so far
  size_t lines_ = 0;
  uint16_t code_ = 0;
  uint16_t line_code_ = 0;
  std::string_view refusal_;
};

}  // namespace hapair::lbcore::health
