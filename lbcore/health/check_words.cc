#include "lbcore/health/check_words.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

namespace hapair::lbcore::health {

namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

std::optional<int> hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

/// Takes the escape behind a backslash off the front of `rest`.
Result<char> take_escape(std::string_view& rest) {
  const char kind = rest.empty() ? '\0' : rest.front();
  if (!rest.empty()) rest.remove_prefix(1);
  switch (kind) {
    case '"':
    case '\\':
      return kind;
    case 'r':
      return '\r';
    case 'n':
      return '\n';
    case 't':
      return '\t';
    case 'x':
      if (rest.size() >= 2) {
        const auto high = hex_digit(rest[0]);
        const auto low = hex_digit(rest[1]);
        if (high && low) {
          rest.remove_prefix(2);
          return static_cast<char>(*high * 16 + *low);
        }
      }
      [[fallthrough]];
    default:
      return fail(R"(a backslash in quotes begins one of \" \\ \r \n \t and \xHH)");
  }
}

/// `rest` begins behind the opening quote; it ends behind the closing one.
Result<std::string> take_quoted(std::string_view& rest) {
  std::string out;
  while (!rest.empty()) {
    const char c = rest.front();
    rest.remove_prefix(1);
    if (c == '"') {
      if (!rest.empty() && !is_blank(rest.front())) return fail("no blank behind a closing quote");
      return out;
    }
    if (c != '\\') {
      out += c;
      continue;
    }
    const auto escaped = take_escape(rest);
    if (!escaped) return tl::unexpected(escaped.error());
    out += *escaped;
  }
  return fail("a quote is not closed");
}

}  // namespace

Result<std::vector<CheckWord>> split_check(std::string_view text) {
  std::vector<CheckWord> out;
  while (true) {
    while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
    if (text.empty()) return out;
    if (text.front() == '"') {
      text.remove_prefix(1);
      auto word = take_quoted(text);
      if (!word) return tl::unexpected(word.error());
      out.push_back({.text = std::move(*word), .quoted = true});
      continue;
    }
    const size_t end = std::min(text.find_first_of(" \t"), text.size());
    out.push_back({.text = std::string(text.substr(0, end)), .quoted = false});
    text.remove_prefix(end);
  }
}

std::string quoted(std::string_view word) {
  std::string out = "\"";
  for (const char c : word) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte >= 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string quoted_if_needed(std::string_view word) {
  const bool plain = !word.empty() && std::ranges::all_of(word, [](char c) {
    return c > ' ' && c < 0x7f && c != '"' && c != ';';
  });
  return plain ? std::string(word) : quoted(word);
}

}  // namespace hapair::lbcore::health
