// -Lc: the open connections, as ipvsadm prints its connection entries, or as JSON. They come in
// pages and are printed after the last one: looking up names never keeps lbcore waiting.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "tools/pairadm/json.h"
#include "tools/pairadm/listing.h"
#include "tools/pairadm/request.h"
#include "tools/pairadm/verbs.h"

namespace hapair::pairadm {

namespace {

/// IPVS's word for it.
std::string_view state_text(const control::ConnectionEntry& entry) {
  if (entry.protocol() == control::PROTOCOL_UDP) return "UDP";
  const std::string& state = entry.state();
  if (state == "waiting") return "NONE";
  if (state == "connecting") return "SYN_SENT";
  if (state == "established") return "ESTABLISHED";
  if (state == "half-closed") return "FIN_WAIT";
  if (state == "lingering") return "CLOSE";
  return state;
}

std::string expire_text(const control::ConnectionEntry& entry) {
  if (!entry.has_expires_ms()) return "--:--";
  const uint64_t seconds = entry.expires_ms() / 1000;
  return fmt::format("{:02}:{:02}", seconds / 60, seconds % 60);
}

std::string text_of(const control::ConnectionEntry& entry, bool numeric, const Names& names) {
  const auto shown = [&](const std::string& address) {
    return numeric ? address : with_names(address, entry.protocol(), names);
  };
  return fmt::format("{:<3} {:<6} {:<11} {:<18} {:<18} {}\n",
                     entry.protocol() == control::PROTOCOL_UDP ? "UDP" : "TCP", expire_text(entry),
                     state_text(entry), shown(entry.client()), shown(entry.listen()),
                     entry.server().empty() ? "-" : shown(entry.server()));
}

Json json_of(const control::ConnectionEntry& entry) {
  Json json{{"protocol", entry.protocol() == control::PROTOCOL_UDP ? "udp" : "tcp"},
            {"client", entry.client()},
            {"listen", entry.listen()},
            {"service", entry.service()}};
  json["server"] = entry.server().empty() ? Json(nullptr) : Json(entry.server());
  json["state"] = entry.state();
  json["age_ms"] = entry.age_ms();
  json["expires_ms"] = entry.has_expires_ms() ? Json(entry.expires_ms()) : Json(nullptr);
  return json;
}

}  // namespace

int run_connections(const Invocation& in, Shell& shell) {
  control::Request request;
  control::ConnectionsRequest& wanted = *request.mutable_connections();
  if (names_service(in)) {
    auto key = service_key(in, shell.names);
    if (!key) {
      shell.err << fmt::format("pairadm: {}\n", key.error().message);
      return kUsage;
    }
    *wanted.mutable_service() = std::move(*key);
  }

  std::vector<control::ConnectionEntry> entries;
  std::string refused;
  const auto on_reply = [&](const control::Reply& reply) {
    if (reply.code() != control::OK) refused = reply.message();
    const auto& page = reply.connections();
    entries.insert(entries.end(), page.entries().begin(), page.entries().end());
    return refused.empty() && !page.last();
  };
  const auto done =
      shell.stream({.daemon = "lbcore", .run_dir = in.run_dir, .wait = in.wait}, request, on_reply);
  if (!done || !refused.empty()) {
    shell.err << fmt::format("pairadm: {}\n", done ? refused : done.error().message);
    return kListFailed;
  }
  if (in.has(Opt::json)) {
    Json all = Json::array();
    for (const auto& entry : entries) all.push_back(json_of(entry));
    shell.out << json_text(Json{{"connections", std::move(all)}});
    return kDone;
  }
  shell.out << "hapair connection entries\n"
               "pro expire state       source             virtual            destination\n";
  for (const auto& entry : entries) shell.out << text_of(entry, in.has(Opt::numeric), shell.names);
  return kDone;
}

}  // namespace hapair::pairadm
