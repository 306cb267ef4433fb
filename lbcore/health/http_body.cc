#include "lbcore/health/http_body.h"

#include <algorithm>

namespace hapair::lbcore::health {

namespace {

constexpr size_t kMostSizeBytes = 128;  // of a chunk's size line, extensions included

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

std::string_view trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

/// The digits at the front; false when there is none, or too many for any body.
bool read_number(std::string_view text, unsigned base, uint64_t& out) {
  constexpr uint64_t kMost = uint64_t{1} << 56;
  out = 0;
  size_t digits = 0;
  for (const char c : text) {
    unsigned digit = 16;
    if (c >= '0' && c <= '9') digit = static_cast<unsigned>(c - '0');
    if (c >= 'a' && c <= 'f') digit = static_cast<unsigned>(c - 'a' + 10);
    if (c >= 'A' && c <= 'F') digit = static_cast<unsigned>(c - 'A' + 10);
    if (digit >= base) break;
    out = out * base + digit;
    if (out > kMost) return false;
    ++digits;
  }
  return digits > 0 && (digits == text.size() || base == 16);
}

}  // namespace

HttpBodySearch::State HttpBodySearch::feed(std::string_view bytes) {
  while (!bytes.empty() && state_ == State::reading) {
    switch (where_) {
      case Where::head:
        take_head(bytes);
        break;
      case Where::body:
      case Where::chunk:
        take_body(bytes);
        break;
      case Where::chunk_size:
      case Where::chunk_end: {
        const char c = bytes.front();
        bytes.remove_prefix(1);
        if (where_ == Where::chunk_size) {
          take_chunk_size(c);
        } else if (c == '\n') {
          where_ = Where::chunk_size;
        } else if (c != '\r') {
          refuse("a chunk of the body has no end");
        }
        break;
      }
    }
  }
  return state_;
}

void HttpBodySearch::take_head(std::string_view& bytes) {
  const size_t end = bytes.find('\n');
  const std::string_view part = bytes.substr(0, end);
  const size_t taken = end == std::string_view::npos ? bytes.size() : end + 1;
  // However the bytes were cut: what ends within the bound counts.
  line_ += part.substr(0, kMostHeadBytes - head_bytes_);
  if (taken > kMostHeadBytes - head_bytes_) return refuse("the header fields are too long");
  head_bytes_ += taken;
  bytes.remove_prefix(taken);
  if (end == std::string_view::npos) return;
  if (line_.ends_with('\r')) line_.pop_back();
  end_of_head_line();
  line_.clear();
}

void HttpBodySearch::end_of_head_line() {
  if (line_.empty()) {
    where_ = chunked_ ? Where::chunk_size : Where::body;
    if (!chunked_ && left_ == 0) state_ = State::ended;
    return;
  }
  const size_t colon = line_.find(':');
  if (colon == std::string::npos) return refuse("a header field has no colon");
  const std::string name = lower(std::string_view(line_).substr(0, colon));
  const std::string value = lower(trim(std::string_view(line_).substr(colon + 1)));
  if (name == "content-length") {
    if (!read_number(value, 10, left_)) refuse("Content-Length is not a number");
  } else if (name == "transfer-encoding") {
    chunked_ = value.ends_with("chunked");
  } else if (name == "content-encoding" && value != "identity") {
    refuse("the body is compressed");
  }
}

void HttpBodySearch::take_body(std::string_view& bytes) {
  const auto count = static_cast<size_t>(std::min<uint64_t>(bytes.size(), left_));
  search(bytes.substr(0, count));
  bytes.remove_prefix(count);
  if (left_ != UINT64_MAX) left_ -= count;
  if (state_ != State::reading || left_ > 0) return;
  if (where_ == Where::chunk) {
    where_ = Where::chunk_end;
  } else {
    state_ = State::ended;
  }
}

void HttpBodySearch::take_chunk_size(char c) {
  if (c != '\n') {
    if (line_.size() >= kMostSizeBytes) return refuse("the size of a chunk is too long");
    line_ += c;
    return;
  }
  if (!read_number(line_, 16, left_)) return refuse("the size of a chunk is not a number");
  line_.clear();
  where_ = Where::chunk;
  if (left_ == 0) state_ = State::ended;
}

void HttpBodySearch::search(std::string_view bytes) {
  bytes = bytes.substr(0, kMostBodyBytes - body_bytes_);
  body_bytes_ += bytes.size();
  tail_ += bytes;
  if (tail_.find(text_) != std::string::npos) {
    state_ = State::found;
    return;
  }
  // Only its last bytes may still be the beginning of the text.
  const size_t keep = text_.empty() ? 0 : text_.size() - 1;
  if (tail_.size() > keep) tail_.erase(0, tail_.size() - keep);
  if (body_bytes_ == kMostBodyBytes) state_ = State::ended;
}

void HttpBodySearch::refuse(std::string_view reason) {
  state_ = State::refused;
  refusal_ = reason;
}

}  // namespace hapair::lbcore::health
