// push-config: the other node gets this node's configuration file, or changes nothing.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

#include <fmt/format.h>

#include "tools/pairadm/json.h"
#include "tools/pairadm/verbs.h"

namespace hapair::pairadm {

namespace {

constexpr std::string_view kDefaultFile = "/etc/hapair/hapair.conf";
constexpr size_t kMostBytes = size_t{256} << 10;  // what lbcore takes
constexpr Duration kMostOfAll = 25s;              // lbcore gives up before

Result<std::string> read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail("{}: cannot be read", path);
  std::string text(kMostBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  if (file.bad()) return fail("{}: cannot be read", path);
  if (text.size() > kMostBytes) return fail("{}: larger than {} bytes", path, kMostBytes);
  return text;
}

}  // namespace

int run_push_config(const Invocation& in, Shell& shell) {
  const std::string path = in.operands.empty()
                               ? std::string(kDefaultFile)
                               : std::filesystem::absolute(in.operands.front()).string();
  auto text = read(path);
  if (!text) {
    shell.err << fmt::format("pairadm: push-config: {}\n", text.error().message);
    return kFailed;
  }
  control::Request request;
  control::PushConfig& push = *request.mutable_push_config();
  push.set_text(std::move(*text));
  push.set_from(path);
  push.set_by(shell.user);
  const auto reply = shell.ask(
      {.daemon = "lbcore", .run_dir = in.run_dir, .wait = std::max(in.wait, kMostOfAll)}, request);
  if (!reply || reply->code() != control::OK) {
    const std::string& why = reply ? reply->message() : reply.error().message;
    shell.err << fmt::format("pairadm: push-config: the peer has changed nothing:\n{}\n", why);
    return reply && reply->code() == control::INVALID ? kUsage : kFailed;
  }
  const control::ConfigPushed& done = reply->config_pushed();
  for (const auto& warning : done.warnings()) {
    shell.err << fmt::format("pairadm: warning: {}\n", warning);
  }
  if (in.has(Opt::json)) {
    shell.out << json_text(Json{{"node", done.node()},
                                {"config", done.config()},
                                {"kept", done.kept()},
                                {"same", done.same()}});
  } else if (done.same()) {
    shell.out << fmt::format("{}: {} is this file already\n", done.node(), done.config());
  } else {
    shell.out << fmt::format("{}: {} is this file now, and taken; the old one is {}\n", done.node(),
                             done.config(), done.kept());
  }
  return kDone;
}

}  // namespace hapair::pairadm
