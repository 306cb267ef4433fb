// explain: which service, pool and server a client would get now, and why. Changes nothing.
#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tools/pairadm/human.h"
#include "tools/pairadm/json.h"
#include "tools/pairadm/values.h"
#include "tools/pairadm/verbs.h"

namespace hapair::pairadm {

namespace {

std::string named(const control::Explanation& all, const std::string& address) {
  const auto server = std::ranges::find(all.candidates(), address, &control::Candidate::address);
  if (server == all.candidates().end() || server->name() == address) return address;
  return fmt::format("{} ({})", server->name(), address);
}

std::string session_text(const control::Explanation& all) {
  if (!all.sticky()) return "the pool is not sticky: every connection is scheduled\n";
  if (all.session_server().empty())
    return fmt::format("no session of {}: it is scheduled\n", all.session_key());
  std::string text = fmt::format("session of {}: {}, idle for {}", all.session_key(),
                                 named(all, all.session_server()), age(all.session_idle_ms()));
  text += all.session_open() > 0
              ? fmt::format(", kept by {}", count(all.session_open(), "open connection"))
              : fmt::format(", expires in {}", age(all.session_expires_ms()));
  if (all.session_why_not().empty()) return text + ": it decides\n";
  return fmt::format("{}: does not decide, {}\n", text, all.session_why_not());
}

std::string servers_text(const control::Explanation& all) {
  std::string text = "servers:\n";
  for (const auto& server : all.candidates())
    text += fmt::format("  {}, weight {}, {}: {}\n", named(all, server.address()), server.weight(),
                        count(server.active(), "connection"),
                        server.why_not().empty() ? "may be picked" : server.why_not());
  return all.candidates().empty() ? "the pool has no servers\n" : text;
}

std::string outcome_text(const control::Explanation& all) {
  if (all.picks().empty()) return "=> nobody: no server can be picked\n";
  if (!all.session_server().empty() && all.session_why_not().empty())
    return fmt::format("=> {}, by its session\n", named(all, all.picks(0)));
  std::vector<std::string> names;
  for (const auto& address : all.picks()) names.push_back(named(all, address));
  if (names.size() == 1) return fmt::format("=> {}, by {}\n", names[0], all.scheduler());
  return fmt::format("=> one of {}, as the turn of {} is\n", fmt::join(names, ", "),
                     all.scheduler());
}

Json json_of(const control::Explanation& all) {
  Json json{{"service", all.service()},     {"pool", all.pool()},
            {"scheduler", all.scheduler()}, {"trouble", all.trouble()},
            {"sticky", all.sticky()},       {"session_key", all.session_key()}};
  if (all.session_server().empty()) {
    json["session"] = nullptr;
  } else {
    json["session"] = Json{{"server", all.session_server()},
                           {"idle_ms", all.session_idle_ms()},
                           {"expires_ms", all.session_expires_ms()},
                           {"open_connections", all.session_open()},
                           {"why_not", all.session_why_not()}};
  }
  json["servers"] = Json::array();
  for (const auto& server : all.candidates())
    json["servers"].push_back(Json{{"name", server.name()},
                                   {"address", server.address()},
                                   {"weight", server.weight()},
                                   {"active", server.active()},
                                   {"sessions", server.sessions()},
                                   {"why_not", server.why_not()}});
  json["picks"] = std::vector(all.picks().begin(), all.picks().end());
  return json;
}

Result<control::Request> understood(const Invocation& in, const Names& names) {
  const auto from = parse_target(in.value(Opt::from), in.has(Opt::ipv6), names);
  if (!from) return fail("--from {}", from.error().message);
  const auto to = parse_target(in.value(Opt::to), in.has(Opt::ipv6), names);
  if (!to) return fail("--to {}", to.error().message);
  if (!to->port) return fail("--to {}: name the port", in.value(Opt::to));
  control::Request request;
  control::ExplainRequest& explain = *request.mutable_explain();
  explain.set_protocol(in.has(Opt::udp) ? control::PROTOCOL_UDP : control::PROTOCOL_TCP);
  explain.set_client(from->ip.to_string());
  explain.set_listen(Endpoint{.ip = to->ip, .port = *to->port}.to_string());
  return request;
}

}  // namespace

int run_explain(const Invocation& in, Shell& shell) {
  const auto request = understood(in, shell.names);
  if (!request) {
    shell.err << fmt::format("pairadm: {}\n", request.error().message);
    return kUsage;
  }
  const auto reply =
      shell.ask({.daemon = "lbcore", .run_dir = in.run_dir, .wait = in.wait}, *request);
  if (!reply || reply->code() != control::OK) {
    shell.err << fmt::format("pairadm: {}\n", reply ? reply->message() : reply.error().message);
    return kListFailed;
  }
  const control::Explanation& all = reply->explanation();
  if (in.has(Opt::json)) {
    shell.out << json_text(json_of(all));
    return kDone;
  }
  shell.out << fmt::format("service {}, pool {}, scheduler {}\n", all.service(), all.pool(),
                           all.scheduler());
  if (!all.trouble().empty()) shell.out << fmt::format("not listening: {}\n", all.trouble());
  shell.out << session_text(all) << servers_text(all) << outcome_text(all);
  return kDone;
}

}  // namespace hapair::pairadm
