#include "lbcore/observe/http_request.h"

#include <algorithm>

namespace hapair::lbcore::observe {

namespace {

constexpr std::string_view kEnd = "\r\n\r\n";
constexpr std::string_view kLineEnd = "\r\n";

bool is_token(std::string_view text) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  const auto fits = [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kMarks.find(c) != std::string_view::npos;
  };
  return !text.empty() && std::ranges::all_of(text, fits);
}

bool is_visible(char c) {
  return c > ' ' && c < 0x7f;
}

bool may_be_in_a_value(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte == '\t' || (byte >= ' ' && byte != 0x7f);
}

bool same_name(std::string_view a, std::string_view lower) {
  return std::ranges::equal(
      a, lower, [](char x, char y) { return (x >= 'A' && x <= 'Z' ? x + ('a' - 'A') : x) == y; });
}

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

}  // namespace

bool HttpRequestParser::refuse(int status) {
  state_ = State::refused;
  refusal_ = status;
  return false;
}

void HttpRequestParser::feed(std::string_view bytes) {
  if (state_ != State::reading) return;
  const size_t seen = text_.size();
  text_.append(bytes.substr(0, kMostBytes - seen));
  const size_t end = text_.find(kEnd, seen < kEnd.size() ? 0 : seen - kEnd.size() + 1);
  if (end != std::string::npos) {
    parse(std::string_view(text_).substr(0, end + kLineEnd.size()));
  } else if (text_.size() == kMostBytes) {
    refuse(text_.find(kLineEnd) == std::string::npos ? 414 : 431);
  }
}

/// `head`: every line of it with its end.
void HttpRequestParser::parse(std::string_view head) {
  const auto take_line = [&] {
    const size_t end = head.find(kLineEnd);
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(end + kLineEnd.size());
    return line;
  };
  if (!request_line(take_line())) return;
  Seen seen;
  while (!head.empty()) {
    if (!field(take_line(), seen)) return;
  }
  if (http_1_1_ ? seen.hosts != 1 : seen.hosts > 1) {
    refuse(400);
    return;
  }
  state_ = State::done;
}

bool HttpRequestParser::request_line(std::string_view line) {
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return refuse(400);
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);

  if (!is_token(method)) return refuse(400);
  if (!target.starts_with('/') || !std::ranges::all_of(target, is_visible)) return refuse(400);
  constexpr std::string_view kHttp = "HTTP/";
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  if (version.size() != kHttp.size() + 3 || !version.starts_with(kHttp) || !digit(version[5]) ||
      version[6] != '.' || !digit(version[7])) {
    return refuse(400);
  }
  if (version[5] != '1') return refuse(505);
  if (method != "GET" && method != "HEAD") return refuse(405);
  head_only_ = method == "HEAD";
  http_1_1_ = version[7] != '0';
  path_ = target.substr(0, target.find('?'));
  return true;
}

bool HttpRequestParser::field(std::string_view line, Seen& seen) {
  if (++seen.fields > kMostFields) return refuse(431);
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return refuse(400);
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trimmed(line.substr(colon + 1));
  // A folded line begins with a blank, and so is no token.
  if (!is_token(name) || !std::ranges::all_of(value, may_be_in_a_value)) return refuse(400);
  if (same_name(name, "host")) ++seen.hosts;
  if (same_name(name, "content-length") && value != "0") return refuse(413);
  if (same_name(name, "transfer-encoding")) return refuse(413);
  return true;
}

}  // namespace hapair::lbcore::observe
