// The way back from a CheckSpec to its text.

#include "common/units.h"
#include "lbcore/health/check_spec.h"
#include "lbcore/health/check_words.h"

namespace hapair::lbcore::health {

namespace {

std::string status_set(const CheckSpec& spec) {
  std::string out;
  for (const StatusRange& range : spec.expect) {
    if (!out.empty()) out += ',';
    out += range.from == range.to ? fmt::format("{}", range.from)
                                  : fmt::format("{}-{}", range.from, range.to);
  }
  return out;
}

class Writer {
 public:
  explicit Writer(std::string_view kind) : out_(kind) {}

  Writer& word(std::string_view text) {
    out_ += ' ';
    out_ += text;
    return *this;
  }
  /// Left out when there is no value.
  Writer& option(std::string_view name, std::string_view value) {
    return value.empty() ? *this : word(name).word(quoted_if_needed(value));
  }
  /// Always in quotes: a reader sees where it begins and ends.
  Writer& text(std::string_view name, std::string_view value) {
    return value.empty() ? *this : word(name).word(quoted(value));
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

void write_own(const CheckSpec& spec, Writer& out) {
  switch (spec.kind) {
    case CheckKind::http:
    case CheckKind::https:
      out.word(spec.method).word(quoted_if_needed(spec.path)).option("expect", status_set(spec));
      for (const std::string& header : spec.headers) out.text("header", header);
      out.option("host", spec.host).text("body", spec.body);
      break;
    case CheckKind::udp:
      out.text("send", spec.send).text("expect", spec.answer);
      break;
    case CheckKind::dns:
      // A name of one label might be read as an option.
      out.word(spec.query.find('.') == std::string::npos ? quoted(spec.query) : spec.query);
      out.word(spec.query_type == DnsType::a ? "A" : "AAAA");
      break;
    case CheckKind::smtp:
      out.option("host", spec.host);
      break;
    case CheckKind::exec:
      out.word(quoted_if_needed(spec.command));
      for (const std::string& argument : spec.arguments) out.word(quoted(argument));
      break;
    case CheckKind::none:
    case CheckKind::tcp:
    case CheckKind::tls:
    case CheckKind::icmp:
      break;
  }
  if (spec.uses_tls()) {
    out.word("verify").word(spec.verify ? "on" : "off");
    out.option("ca", spec.ca_file).option("sni", spec.sni);
  }
}

}  // namespace

std::string_view name(CheckKind kind) {
  switch (kind) {
    case CheckKind::none:
      return "none";
    case CheckKind::tcp:
      return "tcp";
    case CheckKind::http:
      return "http";
    case CheckKind::https:
      return "https";
    case CheckKind::tls:
      return "tls";
    case CheckKind::udp:
      return "udp";
    case CheckKind::dns:
      return "dns";
    case CheckKind::smtp:
      return "smtp";
    case CheckKind::icmp:
      return "icmp";
    case CheckKind::exec:
      return "exec";
  }
  return "";
}

std::string format_check(const CheckSpec& spec) {
  Writer out(name(spec.kind));
  if (spec.kind == CheckKind::none) return out.take();
  write_own(spec, out);
  if (spec.proxy) out.word("proxy").word(lbcore::name(*spec.proxy));
  if (spec.port != 0) out.word("port").word(fmt::format("{}", spec.port));
  if (spec.source) out.word("source").word(spec.source->to_string());
  out.word("interval").word(format_duration(spec.interval));
  if (spec.fast != spec.interval) out.word("fast").word(format_duration(spec.fast));
  out.word("timeout").word(format_duration(spec.timeout));
  out.word("fall").word(fmt::format("{}", spec.fall));
  out.word("rise").word(fmt::format("{}", spec.rise));
  return out.take();
}

}  // namespace hapair::lbcore::health
