// Looks for a text in the body of an HTTP/1 answer, which comes in pieces; begins where
// HttpStatusParser ended. Pure. Understands what tells where a body ends: Content-Length, chunks,
// or the end of the connection. Header fields and body are bounded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace hapair::lbcore::health {

class HttpBodySearch {
 public:
  static constexpr size_t kMostHeadBytes = size_t{32} << 10;
  static constexpr size_t kMostBodyBytes = size_t{256} << 10;

  enum class State : uint8_t { reading, found, ended, refused };

  explicit HttpBodySearch(std::string text = {}) : text_(std::move(text)) {}

  /// `bytes`: behind the status line.
  State feed(std::string_view bytes);

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] std::string_view refusal() const { return refusal_; }  // when refused

 private:
  enum class Where : uint8_t { head, body, chunk_size, chunk, chunk_end };
  void take_head(std::string_view& bytes);
  void end_of_head_line();
  void take_body(std::string_view& bytes);
  void take_chunk_size(char c);
  void search(std::string_view bytes);
  void refuse(std::string_view reason);

  std::string text_;
  State state_ = State::reading;
  Where where_ = Where::head;
  std::string line_;  // of the head, or of a chunk's size
  std::string tail_;  // end of the body so far: the text may begin there
  size_t head_bytes_ = 0;
  size_t body_bytes_ = 0;
  uint64_t left_ = UINT64_MAX;  // of the body, or of the chunk
  bool chunked_ = false;
  std::string_view refusal_;
};

}  // namespace hapair::lbcore::health
