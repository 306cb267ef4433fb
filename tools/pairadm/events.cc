// events: what happened on this node, one JSON object per line, in order.
#include <chrono>
#include <ctime>
#include <string>

#include <fmt/format.h>

#include "tools/pairadm/json.h"
#include "tools/pairadm/verbs.h"

namespace hapair::pairadm {

namespace {

/// "2026-11-21T11:24:01.123Z"
std::string rfc3339(int64_t unix_ms) {
  const std::time_t seconds = unix_ms / 1000;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     unix_ms % 1000);
}

std::string line_of(const control::VrrpEvent& event) {
  Json json{
      {"sequence", event.sequence()}, {"time", rfc3339(event.unix_ms())}, {"kind", event.kind()}};
  if (!event.router().empty()) json["router"] = event.router();
  if (!event.from().empty()) json["from"] = event.from();
  if (!event.to().empty()) json["to"] = event.to();
  json["reason"] = event.reason();
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

int run_events(const Invocation& in, Shell& shell) {
  control::Request request;
  request.mutable_events()->set_follow(in.has(Opt::follow));
  std::string trouble;
  const Status ended = shell.stream({.daemon = "vrrpd", .run_dir = in.run_dir, .wait = in.wait},
                                    request, [&](const control::Reply& reply) {
                                      if (reply.code() != control::OK) {
                                        trouble = reply.message();
                                        return false;
                                      }
                                      if (reply.event().sequence() > 0) {
                                        shell.out << line_of(reply.event());
                                        shell.out.flush();
                                      }
                                      // Nobody reads us any more: nothing more to do.
                                      return shell.out.good() && !reply.event().last();
                                    });
  if (!ended) trouble = ended.error().message;
  if (trouble.empty()) return kDone;
  shell.err << fmt::format("pairadm: {}\n", trouble);
  return kFailed;
}

}  // namespace hapair::pairadm
