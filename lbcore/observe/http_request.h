// Reads the head of one HTTP/1 request for the status pages: GET or HEAD without a body, nothing
// else. Strict and bounded: what is not exactly a request is refused with the status to answer.
// Pure; called by StatusListener with bytes as they arrive, the verdict does not depend on how they
// were cut.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace hapair::lbcore::observe {

class HttpRequestParser {
 public:
  static constexpr size_t kMostBytes = 8192;  // of the whole head
  static constexpr size_t kMostFields = 64;

  enum class State : uint8_t { reading, done, refused };

  /// What follows the head is not looked at.
  void feed(std::string_view bytes);

  [[nodiscard]] State state() const { return state_; }
  /// When done: without the query, as it was written (nothing is decoded).
  [[nodiscard]] std::string_view path() const { return path_; }
  [[nodiscard]] bool head() const { return head_only_; }
  [[nodiscard]] bool http_1_1() const { return http_1_1_; }
  /// When refused: 400, 405, 413, 414, 431 or 505.
  [[nodiscard]] int refusal() const { return refusal_; }

 private:
  struct Seen {
    size_t fields = 0;
    size_t hosts = 0;
  };
  void parse(std::string_view head);
  bool request_line(std::string_view line);
  bool field(std::string_view line, Seen& seen);
  bool refuse(int status);

  std::string text_;
  std::string path_;
  State state_ = State::reading;
  bool head_only_ = false;
  bool http_1_1_ = false;
  int refusal_ = 0;
};

}  // namespace hapair::lbcore::observe
