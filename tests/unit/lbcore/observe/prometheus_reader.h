// A strict reader of Prometheus' text format 0.0.4, for tests: what promtool would refuse or frown
// at is an error here too.
#pragma once

#include <cmath>
#include <cstdlib>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include <fmt/format.h>

namespace hapair::lbcore::observe::test {

class PrometheusReader {
 public:
  /// The first line that is wrong and why, or empty.
  std::string read(const std::string& text) {
    if (text.empty() || text.back() != '\n') return "no newline at the end";
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      if (std::string wrong = take(line); !wrong.empty()) return line + ": " + wrong;
    }
    return finish_family();
  }
  /// By `name{labels}` as written.
  std::map<std::string, double> samples;

 private:
  static bool is_name(const std::string& name) {
    if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
    return name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_0123456789") == std::string::npos;
  }

  std::string take(const std::string& line) {
    if (line.starts_with("# HELP ")) return help(line.substr(7));
    if (line.starts_with("# TYPE ")) return type(line.substr(7));
    return sample(line);
  }

  std::string help(const std::string& rest) {
    if (std::string wrong = finish_family(); !wrong.empty()) return wrong;
    const size_t space = rest.find(' ');
    family_ = rest.substr(0, space);
    if (!is_name(family_)) return "not a name";
    if (space == std::string::npos || space + 1 == rest.size()) return "no help text";
    if (!families_.insert(family_).second) return "a second time";
    type_.clear();
    return {};
  }

  std::string type(const std::string& rest) {
    const size_t space = rest.find(' ');
    if (rest.substr(0, space) != family_) return "TYPE without HELP before it";
    type_ = rest.substr(space + 1);
    if (type_ != "gauge" && type_ != "counter" && type_ != "histogram") return "unknown type";
    if ((type_ == "counter") != family_.ends_with("_total")) return "_total is for counters";
    return {};
  }

  std::string sample(const std::string& line) {
    const size_t space = line.rfind(' ');
    if (space == std::string::npos) return "no value";
    const std::string key = line.substr(0, space);
    char* end = nullptr;
    const double value = std::strtod(line.c_str() + space + 1, &end);
    if (*end != '\0' || end == line.c_str() + space + 1) return "not a number";
    if (!samples.emplace(key, value).second) return "a second time";

    const size_t brace = key.find('{');
    std::string name = key.substr(0, brace);
    std::string le;
    if (brace != std::string::npos) {
      if (std::string wrong = labels(key.substr(brace), le); !wrong.empty()) return wrong;
    }
    if (type_.empty()) return "no TYPE before it";
    if (type_ != "histogram") return name == family_ ? "" : "belongs to another family";
    return histogram(name, le, value);
  }

  /// `{a="b",c="d"}`, unescaped; the value of `le` comes back.
  static std::string labels(const std::string& text, std::string& le) {
    size_t at = 1;
    while (true) {
      const size_t equals = text.find("=\"", at);
      if (equals == std::string::npos) return "no label";
      const std::string name = text.substr(at, equals - at);
      if (!is_name(name)) return "'" + name + "' is no label";
      std::string value;
      for (at = equals + 2; at < text.size() && text[at] != '"'; ++at) {
        if (text[at] == '\\') {
          ++at;
          if (at == text.size() || std::string("\\\"n").find(text[at]) == std::string::npos) {
            return "bad escape";
          }
        }
        value += text[at];
      }
      if (at >= text.size()) return "label does not end";
      if (name == "le") le = value;
      ++at;
      if (text.substr(at) == "}") return {};
      if (text[at] != ',') return "no comma";
      ++at;
    }
  }

  std::string histogram(const std::string& name, const std::string& le, double value) {
    if (name == family_ + "_bucket") {
      if (le.empty()) return "bucket without le";
      const double bound = le == "+Inf" ? INFINITY : std::strtod(le.c_str(), nullptr);
      if (buckets_ > 0 && bound <= bound_) return "bounds do not rise";
      if (buckets_ > 0 && value < last_) return "buckets are not cumulative";
      bound_ = bound;
      last_ = value;
      ++buckets_;
      return {};
    }
    if (name == family_ + "_sum") return std::isinf(bound_) ? "" : "no +Inf bucket";
    if (name != family_ + "_count") return "belongs to another family";
    if (value != last_) return "_count is not the +Inf bucket";
    buckets_ = 0;
    bound_ = 0;
    return {};
  }

  std::string finish_family() { return buckets_ == 0 ? "" : family_ + ": no _count"; }

  std::set<std::string> families_;
  std::string family_;
  std::string type_;
  int buckets_ = 0;
  double bound_ = 0;
  double last_ = 0;
};

}  // namespace hapair::lbcore::observe::test
