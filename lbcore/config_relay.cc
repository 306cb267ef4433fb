#include "lbcore/config_relay.h"

#include <algorithm>

namespace hapair::lbcore {

namespace {

using config::Section;

void read(const Section& section, std::string_view key, Duration& out) {
  out = section.duration(key);
}
void read(const Section& section, std::string_view key, std::optional<Duration>& out) {
  if (section.has(key)) out = section.duration(key);
}
void read(const Section& section, std::string_view key, bool& out) {
  out = section.yes(key);
}
void read(const Section& section, std::string_view key, uint32_t& out) {
  out = static_cast<uint32_t>(section.integer(key));
}
void read(const Section& section, std::string_view key, std::vector<Prefix>& out) {
  out = section.list<Prefix>(key);
}
void read(const Section& section, std::string_view key, std::vector<IpAddress>& out) {
  out = section.list<IpAddress>(key);
}
void read(const Section& section, std::string_view key, ProxyProtocol& out) {
  for (const auto version : {ProxyProtocol::none, ProxyProtocol::v1, ProxyProtocol::v2}) {
    if (section.text(key) == name(version)) out = version;
  }
}

template <typename Relay>
Relay read_keys(const Section& section) {
  Relay out;
  for_each_key(out, [&](const auto& key) { read(section, key.name, out.*key.member); });
  return out;
}

constexpr std::array<std::string_view, 3> kStreamKeysOfService{"proxy_from", "proxy_header_timeout",
                                                               "half_closed_timeout"};
constexpr std::array<std::string_view, 4> kLimits{"max_connections", "max_rate",
                                                  "source_max_connections", "source_max_rate"};
constexpr std::array<std::string_view, 5> kStreamKeysOfPool{
    "connect_timeout", "proxy_protocol", "source", "queue_size", "queue_timeout"};

template <typename Keys>
void add_written(const Section& section, const Keys& keys, std::string_view why,
                 std::vector<MisplacedKey>& out) {
  for (const std::string_view key : keys) {
    if (in_file(section, key)) out.push_back({.key = key, .why = why});
  }
}

}  // namespace

bool in_file(const Section& section, std::string_view key) {
  return std::ranges::any_of(section.settings(), [&](const Section::Setting& setting) {
    return setting.key == key && setting.line != 0;
  });
}

std::vector<MisplacedKey> misplaced_service_keys(const Section& section, bool udp, bool one_shot) {
  std::vector<MisplacedKey> out;
  if (udp) add_written(section, kStreamKeysOfService, "is for tcp services", out);
  if (one_shot) add_written(section, kLimits, "is not for one_shot, which has no connections", out);
  return out;
}

std::vector<MisplacedKey> misplaced_udp_pool_keys(const Section& section) {
  std::vector<MisplacedKey> out;
  add_written(section, kStreamKeysOfPool, "is for tcp, and only udp services have this pool", out);
  return out;
}

ServiceRelay read_service_relay(const Section& section) {
  return read_keys<ServiceRelay>(section);
}
PoolRelay read_pool_relay(const Section& section) {
  return read_keys<PoolRelay>(section);
}

}  // namespace hapair::lbcore
