#include "lbcore/model/relay_spec.h"

#include <fmt/format.h>

#include "common/units.h"

namespace hapair::lbcore {

namespace {

std::string text(Duration value) {
  return format_duration(value);
}
std::string text(const std::optional<Duration>& value) {
  return value ? format_duration(*value) : "default";
}
std::string text(uint32_t value) {
  return std::to_string(value);
}
std::string text(bool value) {
  return value ? "yes" : "no";
}
std::string text(ProxyProtocol value) {
  return std::string(name(value));
}
template <typename T>
std::string text_of_list(const std::vector<T>& list, const char* empty) {
  if (list.empty()) return empty;
  std::string out;
  for (const T& each : list) {
    if (!out.empty()) out += ", ";
    out += each.to_string();
  }
  return out;
}
std::string text(const std::vector<Prefix>& list) {
  return text_of_list(list, "nobody");
}
std::string text(const std::vector<IpAddress>& list) {
  return text_of_list(list, "none");
}

template <typename Relay>
Relay merge_keys(const Relay& loaded, const Relay& file, const Relay& running) {
  Relay out;
  for_each_key(out, [&](const auto& key) {
    const bool changed = !(file.*key.member == loaded.*key.member);
    out.*key.member = changed ? file.*key.member : running.*key.member;
  });
  return out;
}

template <typename Relay>
std::vector<std::string> changed_keys(const Relay& before, const Relay& after) {
  std::vector<std::string> out;
  for_each_key(before, [&](const auto& key) {
    if (before.*key.member == after.*key.member) return;
    out.push_back(
        fmt::format("{} {} -> {}", key.name, text(before.*key.member), text(after.*key.member)));
  });
  return out;
}

}  // namespace

ServiceRelay merge(const ServiceRelay& loaded, const ServiceRelay& file,
                   const ServiceRelay& running) {
  return merge_keys(loaded, file, running);
}
PoolRelay merge(const PoolRelay& loaded, const PoolRelay& file, const PoolRelay& running) {
  return merge_keys(loaded, file, running);
}
std::vector<std::string> changes(const ServiceRelay& before, const ServiceRelay& after) {
  return changed_keys(before, after);
}
std::vector<std::string> changes(const PoolRelay& before, const PoolRelay& after) {
  return changed_keys(before, after);
}

}  // namespace hapair::lbcore
