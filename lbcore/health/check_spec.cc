#include "lbcore/health/check_spec.h"

#include <algorithm>
#include <array>
#include <span>

#include "common/units.h"
#include "lbcore/health/check_values.h"
#include "lbcore/health/check_words.h"
#include "lbcore/health/dns_message.h"

namespace hapair::lbcore::health {

namespace {

constexpr Duration kLeastInterval = 10ms;
constexpr Duration kLeastTimeout = 1ms;
constexpr size_t kMostArguments = 32;
constexpr std::array kAllKinds{CheckKind::none, CheckKind::tcp, CheckKind::http, CheckKind::https,
                               CheckKind::tls,  CheckKind::udp, CheckKind::dns,  CheckKind::smtp,
                               CheckKind::icmp, CheckKind::exec};
constexpr std::string_view kKinds = "none, tcp, http, https, tls, udp, dns, smtp, icmp, exec";
constexpr std::array<std::string_view, 3> kMethods{"GET", "HEAD", "OPTIONS"};

// ---- Options

constexpr uint32_t bit(CheckKind kind) {
  return uint32_t{1} << static_cast<uint32_t>(kind);
}
constexpr uint32_t kAll = ~uint32_t{0};
constexpr uint32_t kHttp = bit(CheckKind::http) | bit(CheckKind::https);
constexpr uint32_t kTls = bit(CheckKind::https) | bit(CheckKind::tls);
constexpr uint32_t kPorted = ~bit(CheckKind::icmp);
constexpr uint32_t kSent = ~bit(CheckKind::exec);
constexpr uint32_t kStream = kHttp | kTls | bit(CheckKind::tcp) | bit(CheckKind::smtp);

struct Option {
  std::string_view name;
  uint32_t kinds;
  Status (*read)(CheckSpec& spec, const std::string& word);
};

constexpr std::array kOptions{
    Option{"expect", kHttp, read_status_set},
    Option{"header", kHttp, read_header},
    Option{"host", kHttp | bit(CheckKind::smtp),
           [](CheckSpec& spec, const std::string& word) { return read_host(spec.host, word); }},
    Option{"body", kHttp,
           [](CheckSpec& spec, const std::string& word) { return read_text(spec.body, word); }},
    Option{"verify", kTls, read_verify},
    Option{"ca", kTls,
           [](CheckSpec& spec, const std::string& word) { return read_file(spec.ca_file, word); }},
    Option{"sni", kTls,
           [](CheckSpec& spec, const std::string& word) { return read_host(spec.sni, word); }},
    Option{"send", bit(CheckKind::udp),
           [](CheckSpec& spec, const std::string& word) { return read_text(spec.send, word); }},
    Option{"expect", bit(CheckKind::udp),
           [](CheckSpec& spec, const std::string& word) { return read_text(spec.answer, word); }},
    Option{"proxy", kStream, read_proxy},
    Option{"port", kPorted, read_port},
    Option{"source", kSent, read_source},
    Option{"interval", kAll,
           [](CheckSpec& spec, const std::string& word) {
             return read_duration(spec.interval, word, kLeastInterval);
           }},
    Option{"fast", kAll,
           [](CheckSpec& spec, const std::string& word) {
             return read_duration(spec.fast, word, kLeastInterval);
           }},
    Option{"timeout", kAll,
           [](CheckSpec& spec, const std::string& word) {
             return read_duration(spec.timeout, word, kLeastTimeout);
           }},
    Option{"fall", kAll,
           [](CheckSpec& spec, const std::string& word) { return read_count(spec.fall, word); }},
    Option{"rise", kAll,
           [](CheckSpec& spec, const std::string& word) { return read_count(spec.rise, word); }},
};

/// Reads what stands behind the kind of check.
class Reader {
 public:
  Reader(CheckSpec& spec, std::span<const CheckWord> words) : spec_(spec), words_(words) {}

  Status read() {
    Status status = read_positional();
    while (status && at_ < words_.size()) status = read_option();
    if (!status) return status;
    return settle();
  }

 private:
  [[nodiscard]] const Option* option_here() const {
    if (words_[at_].quoted) return nullptr;
    const auto* found = std::ranges::find_if(kOptions, [&](const Option& option) {
      return option.name == words_[at_].text && (option.kinds & bit(spec_.kind)) != 0;
    });
    return found == kOptions.end() ? nullptr : found;
  }
  [[nodiscard]] bool value_here() const { return at_ < words_.size() && option_here() == nullptr; }

  Status read_positional() {
    switch (spec_.kind) {
      case CheckKind::http:
      case CheckKind::https:
        return read_request();
      case CheckKind::dns:
        if (!value_here()) return fail("dns needs a name to ask for, as in 'dns www.example.net'");
        return read_query();
      case CheckKind::exec:
        return read_command();
      default:
        return {};
    }
  }

  Status read_request() {
    if (!value_here()) return {};
    const std::string& method = words_[at_++].text;
    if (std::ranges::find(kMethods, method) == kMethods.end()) {
      return fail("'{}' is not a method of a check; valid are {}", method,
                  fmt::join(kMethods, ", "));
    }
    spec_.method = method;
    if (!value_here()) return fail("{} needs a path, as in 'http {} /health'", method, method);
    return read_path(spec_, words_[at_++].text);
  }

  Status read_query() {
    spec_.query = words_[at_++].text;
    if (!is_dns_name(spec_.query)) return fail("'{}' is not a name of the DNS", spec_.query);
    if (!value_here()) return {};
    const std::string& type = words_[at_++].text;
    if (type != "A" && type != "AAAA") {
      return fail("'{}' is not a type of record to ask for; valid are A, AAAA", type);
    }
    spec_.query_type = type == "A" ? DnsType::a : DnsType::aaaa;
    return {};
  }

  Status read_command() {
    if (at_ == words_.size()) return fail("exec needs a program, as in 'exec /usr/bin/true'");
    Status is_path = read_file(spec_.command, words_[at_++].text);
    if (!is_path) return is_path;
    // In quotes, each: a mistyped option is never taken for one.
    for (; at_ < words_.size() && words_[at_].quoted; ++at_) {
      const std::string& word = words_[at_].text;
      if (spec_.arguments.size() == kMostArguments) {
        return fail("more than {} arguments", kMostArguments);
      }
      if (word.size() > kMostTextBytes || word.find('\0') != std::string::npos) {
        return fail("an argument has at most {} bytes, none of them \\x00", kMostTextBytes);
      }
      spec_.arguments.push_back(word);
    }
    return {};
  }

  Status read_option() {
    const Option* const option = option_here();
    if (option == nullptr) {
      std::vector<std::string_view> valid;
      for (const Option& one : kOptions) {
        if ((one.kinds & bit(spec_.kind)) != 0) valid.push_back(one.name);
      }
      return fail("unknown word '{}'; valid are {}{}", words_[at_].text, fmt::join(valid, ", "),
                  spec_.kind == CheckKind::exec ? ", and before them arguments in quotes" : "");
    }
    ++at_;
    if (given(option->name) && option->name != "header") {
      return fail("{} is given twice", option->name);
    }
    given_.push_back(option->name);
    if (at_ == words_.size()) return fail("{} needs a value", option->name);
    const Status status = option->read(spec_, words_[at_++].text);
    if (!status) return fail("{}: {}", option->name, status.error().message);
    return {};
  }

  [[nodiscard]] bool given(std::string_view option) const {
    return std::ranges::find(given_, option) != given_.end();
  }

  /// What options say of each other.
  Status settle() {
    if (!given("timeout")) spec_.timeout = std::min(spec_.timeout, spec_.interval);
    if (!given("fast")) spec_.fast = spec_.interval;
    if (spec_.timeout > spec_.interval) {
      return fail("timeout {} is longer than interval {}: a check ends before the next begins",
                  format_duration(spec_.timeout), format_duration(spec_.interval));
    }
    if (spec_.fast > spec_.interval) {
      return fail("fast {} is longer than interval {}", format_duration(spec_.fast),
                  format_duration(spec_.interval));
    }
    if (given("ca")) {
      if (given("verify") && !spec_.verify) return fail("ca needs verify on");
      spec_.verify = true;
    }
    return {};
  }

  CheckSpec& spec_;
  std::span<const CheckWord> words_;
  size_t at_ = 0;
  std::vector<std::string_view> given_;
};

}  // namespace

bool CheckSpec::expects(uint16_t status) const {
  return std::ranges::any_of(
      expect, [&](const StatusRange& range) { return status >= range.from && status <= range.to; });
}

Result<CheckSpec> parse_check(std::string_view text) {
  const auto words = split_check(text);
  if (!words) return tl::unexpected(words.error());
  if (words->empty()) return fail("a check is missing; valid are {}", kKinds);
  CheckSpec spec;
  const std::string& kind = words->front().text;
  const auto* const found = std::ranges::find(kAllKinds, std::string_view(kind),
                                              [](CheckKind each) { return name(each); });
  if (found == kAllKinds.end()) {
    return fail("unknown kind of check '{}'; valid are {}", kind, kKinds);
  }
  spec.kind = *found;
  if (spec.kind == CheckKind::none) {
    if (words->size() > 1) {
      return fail("'none' takes nothing behind it, found '{}'", (*words)[1].text);
    }
    return spec;
  }
  const Status status = Reader(spec, std::span(*words).subspan(1)).read();
  if (!status) return tl::unexpected(status.error());
  return spec;
}

CheckSpec with_proxy_of(CheckSpec spec, ProxyProtocol pool) {
  const bool can = (kStream & bit(spec.kind)) != 0;
  if (can && !spec.proxy && spec.port == 0) spec.proxy = pool;
  if (spec.proxy == ProxyProtocol::none) spec.proxy.reset();
  return spec;
}

Duration pause_between_probes(const CheckSpec& spec, uint32_t against) {
  return against > 0 ? spec.fast : spec.interval;
}

}  // namespace hapair::lbcore::health
