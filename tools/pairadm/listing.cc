#include "tools/pairadm/listing.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>

#include <fmt/format.h>

#include "common/address.h"
#include "tools/pairadm/values.h"

namespace hapair::pairadm {

namespace {

/// An address that cannot be read sorts last and is shown as it came.
auto service_order(const control::Service& service) {
  const auto at = Endpoint::parse(service.key().listen());
  return std::tuple(service.key().protocol(), !at, at ? at->ip : IpAddress{}, at ? at->port : 0);
}

auto server_order(const control::Server& server) {
  const auto at = Endpoint::parse(server.address());
  return std::tuple(!at, at ? at->ip : IpAddress{}, at ? at->port : 0);
}

std::string_view protocol_text(control::Protocol protocol) {
  return protocol == control::PROTOCOL_UDP ? "UDP" : "TCP";
}

std::string endpoint_text(const std::string& text, control::Protocol protocol,
                          const ListingStyle& style) {
  return style.numeric ? text : with_names(text, protocol, style.names);
}

/// As -M takes it; nothing when it is the whole address.
std::optional<std::string> mask_of(const control::Service& service) {
  const bool ipv6 = service.key().listen().starts_with('[');
  const uint32_t length = service.sticky_prefix_length();
  if (length == (ipv6 ? 128 : 32)) return std::nullopt;
  return ipv6 ? std::to_string(length) : netmask_text(length);
}

/// " persistent 600 mask 255.255.255.0"; the mask is shown when it is not the whole address.
std::string persistent_text(const control::Service& service) {
  if (service.sticky_seconds() == 0) return {};
  std::string text = fmt::format(" persistent {}", service.sticky_seconds());
  if (const auto mask = mask_of(service)) text += fmt::format(" mask {}", *mask);
  return text;
}

/// Nothing for an enabled server: its line is ipvsadm's to the blank.
std::string_view state_text(const control::Server& server) {
  return server.admin() == "enabled" ? std::string_view() : std::string_view(server.admin());
}

/// Every session once: services that share a pool share its sessions.
uint64_t sessions(const control::Listing& listing) {
  std::set<std::string_view> counted;
  uint64_t sum = 0;
  for (const auto& service : listing.services())
    if (counted.insert(service.pool()).second) sum += service.sessions();
  return sum;
}

std::string head(const control::Listing& listing, const ListingStyle& style) {
  std::string text;
  if (style.whole_table)
    text += fmt::format("hapair {} (sessions={})\n", listing.version(), sessions(listing));
  if (style.columns == Columns::stats || style.columns == Columns::rate)
    return text + figures_head(style.columns);
  if (style.columns == Columns::latency) return text + latency_head();
  if (style.columns == Columns::thresholds)
    return text + fmt::format("{:<33} {:<10} {:<10} {:<10} {:<10}\n  -> RemoteAddress:Port\n",
                              "Prot LocalAddress:Port", "Uthreshold", "Lthreshold", "ActiveConn",
                              "InActConn");
  if (style.columns == Columns::sessions)
    return text + fmt::format(
                      "{:<33} {:<9} {:<11} {:<10} {:<10}\n"
                      "  -> RemoteAddress:Port\n",
                      "Prot LocalAddress:Port", "Weight", "PersistConn", "ActiveConn", "InActConn");
  return text +
         "Prot LocalAddress:Port Scheduler Flags\n"
         "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n";
}

}  // namespace

void sort_listing(control::Listing& listing) {
  auto& services = *listing.mutable_services();
  std::sort(services.begin(), services.end(),
            [](const auto& a, const auto& b) { return service_order(a) < service_order(b); });
  for (auto& service : services) {
    auto& servers = *service.mutable_servers();
    std::sort(servers.begin(), servers.end(),
              [](const auto& a, const auto& b) { return server_order(a) < server_order(b); });
  }
}

std::string listing_text(const control::Listing& listing, const ListingStyle& style) {
  std::string text = head(listing, style);
  const bool figures = style.columns == Columns::stats || style.columns == Columns::rate;
  for (const auto& service : listing.services()) {
    const auto protocol = service.key().protocol();
    const std::string listen = fmt::format("{:<4} {}", protocol_text(protocol),
                                           endpoint_text(service.key().listen(), protocol, style));
    if (figures)
      text += fmt::format("{:<33}{}", listen, figures_row(service, style.columns, style.exact));
    else if (style.columns == Columns::latency)
      text += latency_rows(listen, service.latency());
    else
      text += fmt::format("{} {}{}{}\n", listen, service.scheduler(), persistent_text(service),
                          service.one_shot() ? " ops" : "");
    for (const auto& server : service.servers()) {
      const std::string address = endpoint_text(server.address(), protocol, style);
      // A proxied connection is open or gone: there are no inactive ones.
      constexpr int inactive = 0;
      if (figures)
        text +=
            fmt::format("  -> {:<28}{}", address, figures_row(server, style.columns, style.exact));
      else if (style.columns == Columns::latency)
        text += latency_rows("  -> " + address, server.latency());
      else if (style.columns == Columns::thresholds)
        text += fmt::format("  -> {:<28} {:<10} {:<10} {:<10} {:<10}\n", address,
                            server.max_connections(), server.min_connections(),
                            server.counters().active(), inactive);
      else if (style.columns == Columns::sessions)
        text += fmt::format("  -> {:<28} {:<9} {:<11} {:<10} {:<10}\n", address, server.weight(),
                            server.sessions(), server.counters().active(), inactive);
      else
        text +=
            fmt::format("  -> {:<28} {:<7} {:<6} {:<10} {:<10}{}\n", address, "Proxy",
                        server.weight(), server.counters().active(), inactive, state_text(server));
    }
  }
  return text;
}

std::string mask_option(const control::Service& service) {
  const auto mask = mask_of(service);
  return mask ? fmt::format(" -M {}", *mask) : std::string();
}

std::string with_names(const std::string& text, control::Protocol protocol, const Names& names) {
  const auto at = Endpoint::parse(text);
  if (!at) return text;
  const std::string host = names.host(at->ip);
  const bool bare_ipv6 = host.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", bare_ipv6 ? "[" : "", host, bare_ipv6 ? "]" : "",
                     names.service(at->port, protocol));
}

bool taken_out(const control::Server& server) {
  return server.weight() == 0 || !state_text(server).empty();
}

std::string listing_json(const control::Listing& listing) {
  Json services = Json::array();
  for (const auto& service : listing.services()) services.push_back(service_json(service));
  return json_text(Json{{"version", listing.version()},
                        {"services", std::move(services)},
                        {"timeouts", timeouts_json(listing)}});
}

}  // namespace hapair::pairadm
