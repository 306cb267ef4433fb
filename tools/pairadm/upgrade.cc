// upgrade: lbcore starts anew, from the program that is installed now, and no client notices.
#include <algorithm>

#include <fmt/format.h>

#include "tools/pairadm/human.h"
#include "tools/pairadm/json.h"
#include "tools/pairadm/verbs.h"

namespace hapair::pairadm {

namespace {

constexpr Duration kMostOfAll = 40s;  // lbcore gives up before

}  // namespace

int run_upgrade(const Invocation& in, Shell& shell) {
  control::Request request;
  request.mutable_upgrade()->set_by(shell.user);
  const auto reply = shell.ask(
      {.daemon = "lbcore", .run_dir = in.run_dir, .wait = std::max(in.wait, kMostOfAll)}, request);
  if (!reply || reply->code() != control::OK) {
    const std::string& why = reply ? reply->message() : reply.error().message;
    shell.err << fmt::format("pairadm: upgrade: {}\n", why);
    return kFailed;
  }
  const control::Upgraded& done = reply->upgraded();
  if (in.has(Opt::json)) {
    shell.out << json_text(Json{{"old_pid", done.old_pid()},
                                {"old_version", done.old_version()},
                                {"new_pid", done.new_pid()},
                                {"new_version", done.new_version()},
                                {"connections", done.connections()},
                                {"timeout_ms", done.timeout_ms()}});
    return kDone;
  }
  shell.out << fmt::format(
      "lbcore {} (pid {}) serves instead of {} (pid {}), which has {} left{}\n", done.new_version(),
      done.new_pid(), done.old_version(), done.old_pid(), count(done.connections(), "connection"),
      done.connections() > 0 ? fmt::format(" and ends after {} at most", age(done.timeout_ms()))
                             : std::string());
  return kDone;
}

}  // namespace hapair::pairadm
