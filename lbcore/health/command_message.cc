#include "lbcore/health/command_message.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

namespace hapair::lbcore::health {

namespace {

constexpr size_t kMostLine = 160;

template <typename T>
void put(std::string& out, T value) {
  static_assert(std::is_trivially_copyable_v<T>);
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void put_list(std::string& out, const std::vector<std::string>& list) {
  put(out, static_cast<uint32_t>(list.size()));
  for (const std::string& text : list) out.append(text.c_str(), text.size() + 1);
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  template <typename T>
  bool get(T& out) {
    if (rest_.size() < sizeof out) return false;
    std::memcpy(&out, rest_.data(), sizeof out);
    rest_.remove_prefix(sizeof out);
    return true;
  }
  bool get_list(std::vector<std::string>& out) {
    uint32_t count = 0;
    if (!get(count)) return false;
    for (uint32_t i = 0; i < count; ++i) {
      const size_t end = rest_.find('\0');
      if (end == std::string_view::npos) return false;
      out.emplace_back(rest_.substr(0, end));
      rest_.remove_prefix(end + 1);
    }
    return true;
  }
  [[nodiscard]] std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

}  // namespace

std::string encode(const CommandOrder& order) {
  std::string out;
  put(out, order.id);
  put(out, order.timeout_ms);
  put_list(out, order.argv);
  put_list(out, order.environment);
  return out;
}

std::string encode(const CommandEnd& end) {
  std::string out;
  put(out, end.id);
  put(out, end.how);
  put(out, end.value);
  return out + end.line;
}

std::optional<CommandOrder> decode_order(std::string_view message) {
  CommandOrder out;
  Reader reader(message);
  const bool whole = reader.get(out.id) && reader.get(out.timeout_ms) &&
                     reader.get_list(out.argv) && reader.get_list(out.environment) &&
                     reader.rest().empty();
  if (!whole || (out.timeout_ms > 0 && out.argv.empty())) return std::nullopt;
  return out;
}

std::optional<CommandEnd> decode_end(std::string_view message) {
  CommandEnd out;
  Reader reader(message);
  if (!reader.get(out.id) || !reader.get(out.how) || !reader.get(out.value)) return std::nullopt;
  if (out.how > CommandEnd::How::not_started) return std::nullopt;
  out.line = reader.rest();
  return out;
}

std::string first_line(std::string_view output) {
  constexpr std::string_view kBlank = " \t\r\n";
  const size_t begin = std::min(output.find_first_not_of(kBlank), output.size());
  output.remove_prefix(begin);
  output = output.substr(0, std::min(output.find('\n'), kMostLine));
  output = output.substr(0, output.find_last_not_of(kBlank) + 1);
  std::string out(output);
  std::ranges::replace_if(
      out, [](char c) { return c < ' ' || c > '~'; }, '?');
  return out;
}

}  // namespace hapair::lbcore::health
