#include "lbcore/config_relay.h"

namespace hapair::lbcore {

namespace {

using config::Section;

void read(const Section& section, std::string_view key, Duration& out) {
  out = section.duration(key);
}
void read(const Section& section, std::string_view key, std::optional<Duration>& out) {
  if (section.has(key)) out = section.duration(key);
}
void read(const Section& section, std::string_view key, uint32_t& out) {
  out = static_cast<uint32_t>(section.integer(key));
}
void read(const Section& section, std::string_view key, std::vector<Prefix>& out) {
  out = section.list<Prefix>(key);
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

}  // namespace

ServiceRelay read_service_relay(const Section& section) {
  return read_keys<ServiceRelay>(section);
}
PoolRelay read_pool_relay(const Section& section) {
  return read_keys<PoolRelay>(section);
}

}  // namespace hapair::lbcore
