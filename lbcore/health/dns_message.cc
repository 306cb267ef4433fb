#include "lbcore/health/dns_message.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace hapair::lbcore::health {

namespace {

constexpr size_t kHeaderBytes = 12;
constexpr size_t kMostNameBytes = 253;
constexpr size_t kMostLabelBytes = 63;
constexpr uint16_t kClassIn = 1;
constexpr uint8_t kResponse = 0x80;  // in the third byte: QR
constexpr uint8_t kRecursionDesired = 0x01;

void put16(std::string& out, uint16_t value) {
  out += static_cast<char>(value >> 8);
  out += static_cast<char>(value & 0xff);
}

bool is_label_character(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
         c == '_';
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

/// Steps through a message; `good()` turns false at the first thing that does not fit, and all
/// later reads give zero.
class Cursor {
 public:
  Cursor(std::string_view bytes, size_t at) : bytes_(bytes), at_(at) {}

  uint8_t u8() {
    if (!skip(1)) return 0;
    return static_cast<uint8_t>(bytes_[at_ - 1]);
  }
  uint16_t u16() {
    const auto high = u8();
    return static_cast<uint16_t>(high << 8 | u8());
  }
  bool skip(size_t count) {
    good_ = good_ && count <= bytes_.size() - at_;
    if (good_) at_ += count;
    return good_;
  }
  void skip_name() {
    while (good_) {
      const uint8_t length = u8();
      if (length == 0) return;
      if ((length & 0xc0) == 0xc0) {  // the rest of the name is elsewhere
        skip(1);
        return;
      }
      if (length > kMostLabelBytes) good_ = false;
      skip(length);
    }
  }
  [[nodiscard]] bool good() const { return good_; }

 private:
  std::string_view bytes_;
  size_t at_;
  bool good_ = true;
};

}  // namespace

bool is_dns_name(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.empty() || name.size() > kMostNameBytes) return false;
  size_t label = 0;
  for (const char c : name) {
    if (c == '.') {
      if (label == 0) return false;
      label = 0;
    } else if (!is_label_character(c) || ++label > kMostLabelBytes) {
      return false;
    }
  }
  return label > 0;
}

std::string dns_query(uint16_t id, std::string_view name, uint16_t type) {
  if (name.ends_with('.')) name.remove_suffix(1);
  std::string out;
  put16(out, id);
  out += static_cast<char>(kRecursionDesired);
  out += '\0';
  put16(out, 1);  // one question
  out.append(6, '\0');
  while (true) {
    const size_t dot = name.find('.');
    const std::string_view label = name.substr(0, dot);
    out += static_cast<char>(label.size());
    out += label;
    if (dot == std::string_view::npos) break;
    name.remove_prefix(dot + 1);
  }
  out += '\0';
  put16(out, type);
  put16(out, kClassIn);
  return out;
}

DnsAnswer read_dns_answer(std::string_view message, std::string_view query) {
  DnsAnswer out;
  if (message.size() < kHeaderBytes || query.size() < kHeaderBytes) return out;
  if (message.substr(0, 2) != query.substr(0, 2)) return out;
  const auto flags = static_cast<uint8_t>(message[2]);
  if ((flags & kResponse) == 0) return out;

  out.rcode = static_cast<uint8_t>(message[3]) & 0x0f;
  Cursor counts(message, 4);
  const uint16_t questions = counts.u16();
  const uint16_t answers = counts.u16();
  const std::string_view question = query.substr(kHeaderBytes);
  if (questions == 0 && out.rcode != 0) {
    // A server that could not read the question need not repeat it.
    out.state = DnsAnswer::State::answered;
    return out;
  }
  const std::string_view repeated = message.substr(kHeaderBytes, question.size());
  if (questions != 1 || !std::ranges::equal(repeated, question, {}, lower, lower)) return out;

  const uint16_t type = Cursor(question, question.size() - 4).u16();
  Cursor cursor(message, kHeaderBytes + question.size());
  for (uint16_t i = 0; i < answers && cursor.good(); ++i) {
    cursor.skip_name();
    const uint16_t record_type = cursor.u16();
    cursor.skip(2 + 4);  // class, time to live
    cursor.skip(cursor.u16());
    if (cursor.good() && record_type == type) ++out.records;
  }
  out.state = cursor.good() ? DnsAnswer::State::answered : DnsAnswer::State::malformed;
  return out;
}

std::string dns_rcode_name(uint8_t rcode) {
  static constexpr std::array kNames{"NOERROR",  "FORMERR", "SERVFAIL",
                                     "NXDOMAIN", "NOTIMP",  "REFUSED"};
  if (rcode < kNames.size()) return kNames[rcode];
  return fmt::format("RCODE {}", rcode);
}

}  // namespace hapair::lbcore::health
