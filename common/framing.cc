#include "common/framing.h"

#include <cstring>

namespace hapair {

void append_frame(std::string& out, std::string_view payload) {
  const auto length = static_cast<uint32_t>(payload.size());
  const char header[kFrameHeaderBytes] = {
      static_cast<char>(length >> 24), static_cast<char>(length >> 16),
      static_cast<char>(length >> 8), static_cast<char>(length)};
  out.append(header, sizeof header);
  out.append(payload);
}

void FrameDecoder::append(std::string_view bytes) {
  // Everything consumed is dropped only now, so that payloads handed out stay valid until here.
  if (consumed_ > 0) {
    buffer_.erase(0, consumed_);
    consumed_ = 0;
  }
  buffer_.append(bytes);
}

Result<std::optional<std::string_view>> FrameDecoder::next() {
  const std::string_view rest = std::string_view(buffer_).substr(consumed_);
  if (rest.size() < kFrameHeaderBytes) return std::nullopt;
  uint32_t length = 0;
  for (size_t i = 0; i < kFrameHeaderBytes; ++i)
    length = (length << 8) | static_cast<uint8_t>(rest[i]);
  if (length > max_payload_bytes_) {
    return fail("a frame of {} bytes was announced; at most {} are accepted", length,
                max_payload_bytes_);
  }
  if (rest.size() - kFrameHeaderBytes < length) return std::nullopt;
  consumed_ += kFrameHeaderBytes + length;
  return rest.substr(kFrameHeaderBytes, length);
}

}  // namespace hapair
