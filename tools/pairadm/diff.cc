// diff: where what runs is not what the configuration file says.
#include <string>

#include <fmt/format.h>

#include "tools/pairadm/json.h"
#include "tools/pairadm/verbs.h"

namespace hapair::pairadm {

namespace {

/// "server web/a: weight 1 -> 3" -> {"server web/a", "weight 1 -> 3"}.
Json difference(const std::string& line) {
  const size_t colon = line.find(": ");
  if (colon == std::string::npos) return {{"thing", line}, {"change", ""}};
  return {{"thing", line.substr(0, colon)}, {"change", line.substr(colon + 2)}};
}

}  // namespace

int run_diff(const Invocation& in, Shell& shell) {
  control::Request request;
  request.mutable_diff();
  const auto reply =
      shell.ask({.daemon = "lbcore", .run_dir = in.run_dir, .wait = in.wait}, request);
  if (!reply || reply->code() != control::OK) {
    shell.err << fmt::format("pairadm: {}\n", reply ? reply->message() : reply.error().message);
    return kFailed;
  }
  const control::Differences& told = reply->differences();
  if (in.has(Opt::json)) {
    Json json{{"node", told.node()}, {"config", told.config()}};
    json["differences"] = Json::array();
    for (const auto& line : told.lines()) json["differences"].push_back(difference(line));
    shell.out << json_text(json);
  } else {
    for (const auto& line : told.lines()) shell.out << line << '\n';
  }
  return told.lines().empty() ? kDone : kDiffers;
}

}  // namespace hapair::pairadm
