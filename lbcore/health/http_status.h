// Reads the status line of an HTTP/1 response, byte by byte as it arrives, and nothing behind it.
// Pure.
//
// Strict (RFC 9112 section 4): `HTTP/1.x SP 3DIGIT SP reason CRLF`, x being 0 or 1. What the proxy
// would refuse from a server its check refuses as well, and says why. The line is bounded; after
// the verdict every byte is ignored.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace hapair::lbcore::health {

class HttpStatusParser {
 public:
  static constexpr size_t kMaxLineBytes = 1024;

  enum class State : uint8_t { reading, done, refused };

  State feed(std::string_view bytes);

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] uint16_t status() const { return status_; }            // when done
  [[nodiscard]] std::string_view refusal() const { return refusal_; }  // when refused
  /// How many bytes were read as part of the line, so far.
  [[nodiscard]] size_t line_bytes() const { return at_; }

 private:
  void take(char c);
  void refuse(std::string_view reason);

  State state_ = State::reading;
  bool line_feed_due_ = false;
  size_t at_ = 0;  // bytes of the line so far
  uint16_t status_ = 0;
  std::string_view refusal_;
};

}  // namespace hapair::lbcore::health
