#include "lbcore/model/saved_table.h"

#include <bit>
#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/address.h"

namespace hapair::lbcore {

namespace {

std::vector<std::string> words_of(std::string_view line) {
  constexpr std::string_view kBlank = " \t\r";
  std::vector<std::string> words;
  while (true) {
    const size_t begin = line.find_first_not_of(kBlank);
    if (begin == std::string_view::npos) return words;
    const size_t end = std::min(line.find_first_of(kBlank, begin), line.size());
    words.emplace_back(line.substr(begin, end - begin));
    line.remove_prefix(end);
  }
}

Result<uint32_t> number(std::string_view option, std::string_view text) {
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return fail("{} {}: not a number", option, text);
  }
  return value;
}

/// "255.255.255.0", or a prefix length for IPv6.
Result<uint32_t> prefix_length(const std::string& text) {
  if (text.find('.') == std::string::npos) return number("-M", text);
  const auto mask = IpAddress::parse(text);
  if (!mask || !mask->is_v4()) return fail("-M {}: not a netmask", text);
  uint32_t bits = 0;
  for (const uint8_t byte : mask->bytes()) bits = bits << 8U | byte;
  const auto length = static_cast<uint32_t>(std::countl_one(bits));
  if (length < 32 && (bits << length) != 0) return fail("-M {}: not a netmask", text);
  return length;
}

/// The options of one line: each once, "" for those without a value.
class Line {
 public:
  static Result<Line> read(const std::vector<std::string>& words) {
    static const std::map<std::string, std::string, std::less<>> kShort{
        {"--tcp-service", "-t"}, {"--udp-service", "-u"}, {"--real-server", "-r"},
        {"--scheduler", "-s"},   {"--persistent", "-p"},  {"--netmask", "-M"},
        {"--ops", "-o"},         {"--weight", "-w"},      {"--u-threshold", "-x"},
        {"--l-threshold", "-y"}, {"--numeric", "-n"}};
    static const std::set<std::string, std::less<>> kValued{"-t", "-u", "-r", "-s", "-p",
                                                            "-M", "-w", "-x", "-y", "--state"};
    static const std::set<std::string, std::less<>> kBare{"-o", "-n", "-m"};
    Line out;
    for (size_t at = 1; at < words.size(); ++at) {
      const auto name = kShort.find(words[at]);
      const std::string option = name == kShort.end() ? words[at] : name->second;
      const bool valued = kValued.contains(option);
      if (!valued && !kBare.contains(option)) return fail("{} is not known here", words[at]);
      if (valued && at + 1 == words.size()) return fail("{}: its value is missing", words[at]);
      out.values_[option] = valued ? words[++at] : std::string();
    }
    return out;
  }

  [[nodiscard]] const std::string* find(std::string_view option) const {
    const auto at = values_.find(option);
    return at == values_.end() ? nullptr : &at->second;
  }
  [[nodiscard]] Status number(std::string_view option, const auto& set) const {
    const std::string* text = find(option);
    if (text == nullptr) return {};
    const auto value = lbcore::number(option, *text);
    if (!value) return tl::unexpected(value.error());
    set(*value);
    return {};
  }

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

Result<control::ServiceKey> service_key(const Line& line) {
  const std::string* tcp = line.find("-t");
  const std::string* udp = line.find("-u");
  if ((tcp == nullptr) == (udp == nullptr)) return fail("one service, -t or -u, is wanted");
  control::ServiceKey key;
  key.set_protocol(udp != nullptr ? control::PROTOCOL_UDP : control::PROTOCOL_TCP);
  key.set_listen(tcp != nullptr ? *tcp : *udp);
  return key;
}

Status read_service(const Line& line, control::ServiceEdit& edit) {
  auto key = service_key(line);
  if (!key) return tl::unexpected(key.error());
  *edit.mutable_key() = std::move(*key);
  if (const std::string* scheduler = line.find("-s")) edit.set_scheduler(*scheduler);
  if (line.find("-o") != nullptr) edit.set_one_shot(true);
  if (const std::string* mask = line.find("-M")) {
    const auto length = prefix_length(*mask);
    if (!length) return tl::unexpected(length.error());
    edit.set_sticky_prefix_length(*length);
  }
  return line.number("-p", [&](uint32_t value) { edit.set_sticky_seconds(value); });
}

Status read_server(const Line& line, control::ServerKey& out) {
  auto key = service_key(line);
  if (!key) return tl::unexpected(key.error());
  const std::string* server = line.find("-r");
  if (server == nullptr) return fail("a server, -r, is wanted");
  *out.mutable_service() = std::move(*key);
  out.set_address(*server);
  return {};
}

Status read_server(const Line& line, control::ServerEdit& edit) {
  if (auto status = read_server(line, *edit.mutable_key()); !status) return status;
  if (const std::string* state = line.find("--state")) edit.set_admin(*state);
  if (auto status = line.number("-w", [&](uint32_t value) { edit.set_weight(value); }); !status)
    return status;
  if (auto status = line.number("-x", [&](uint32_t value) { edit.set_max_connections(value); });
      !status)
    return status;
  return line.number("-y", [&](uint32_t value) { edit.set_min_connections(value); });
}

Status read_timeouts(const std::vector<std::string>& words, control::Timeouts& out) {
  if (words.size() != 4) return fail("--set wants three numbers");
  const auto tcp = number("--set", words[1]);
  const auto fin = number("--set", words[2]);
  const auto udp = number("--set", words[3]);
  for (const auto* each : {&tcp, &fin, &udp}) {
    if (!*each) return tl::unexpected(each->error());
  }
  out.set_tcp(*tcp);
  out.set_tcpfin(*fin);
  out.set_udp(*udp);
  return {};
}

Status read_command(const std::vector<std::string>& words, control::Request& out) {
  const std::string& verb = words.front();
  if (verb == "--set") return read_timeouts(words, *out.mutable_set_timeouts());
  const auto line = Line::read(words);
  if (!line) return tl::unexpected(line.error());
  if (verb == "-C") {
    out.mutable_clear();
    return {};
  }
  if (verb == "-A") return read_service(*line, *out.mutable_add_service());
  if (verb == "-E") return read_service(*line, *out.mutable_edit_service());
  if (verb == "-a") return read_server(*line, *out.mutable_add_server());
  if (verb == "-e") return read_server(*line, *out.mutable_edit_server());
  if (verb == "-d") return read_server(*line, *out.mutable_delete_server());
  if (verb == "-D") {
    auto key = service_key(*line);
    if (!key) return tl::unexpected(key.error());
    *out.mutable_delete_service() = std::move(*key);
    return {};
  }
  return fail("{} is none of -A, -E, -D, -a, -e, -d, -C and --set", verb);
}

}  // namespace

Result<Commands> parse_saved_table(std::string_view text) {
  Commands commands;
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    const auto words = words_of(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (words.empty() || words.front().starts_with('#')) continue;
    if (auto read = read_command(words, *commands.Add()); !read) {
      return fail("line {}: {}", number, read.error().message);
    }
  }
  return commands;
}

}  // namespace hapair::lbcore
