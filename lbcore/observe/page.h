// What the status listener answers: a status, a type, and a body that is made piece by piece while
// the client reads it. A page about a thousand servers never exists as a whole, and a client that
// reads slowly delays nobody.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace hapair::lbcore::observe {

class Body {
 public:
  Body() = default;
  virtual ~Body() = default;
  Body(const Body&) = delete;
  Body& operator=(const Body&) = delete;

  /// Most servers that a piece describes: a turn of the loop makes one piece.
  static constexpr size_t kServersPerPiece = 8;

  /// Appends a piece, a few kilobytes as a rule; false when that was the last one.
  virtual bool append_piece(std::string& out) = 0;
};

struct Page {
  int status = 200;
  std::string_view type = "text/plain; charset=utf-8";
  std::unique_ptr<Body> body;
};

class TextBody final : public Body {
 public:
  explicit TextBody(std::string text) : text_(std::move(text)) {}
  bool append_piece(std::string& out) override {
    out += text_;
    return false;
  }

 private:
  std::string text_;
};

inline Page text_page(int status, std::string text) {
  return {.status = status, .body = std::make_unique<TextBody>(std::move(text) + '\n')};
}

}  // namespace hapair::lbcore::observe
