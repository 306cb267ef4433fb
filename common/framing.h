// Length-prefixed frames: 4 bytes big-endian payload length, then the payload. Used on the control
// sockets, the role socket and the pair link. The bound is checked before anything is allocated.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/result.h"

namespace hapair {

inline constexpr size_t kFrameHeaderBytes = 4;

/// Appends header and payload to `out`.
void append_frame(std::string& out, std::string_view payload);

class FrameDecoder {
 public:
  explicit FrameDecoder(size_t max_payload_bytes) : max_payload_bytes_(max_payload_bytes) {}

  void append(std::string_view bytes);

  /// The next whole payload (valid until the next call of append or next), nothing yet, or an error
  /// that ends the stream: a length beyond the bound. It stays the answer of every later call.
  Result<std::optional<std::string_view>> next();

  /// Bytes held back because their frame is not complete, and what they are.
  [[nodiscard]] size_t pending_bytes() const { return buffer_.size() - consumed_; }
  [[nodiscard]] std::string_view pending() const {
    return std::string_view(buffer_).substr(consumed_);
  }

 private:
  size_t max_payload_bytes_;
  std::string buffer_;
  size_t consumed_ = 0;
};

}  // namespace hapair
