// drain, disable, enable: what an operator wants of a server. --wait stays until its last
// connection is gone (enable: until it is up), says how many are left whenever that changes, and
// gives up with an exit code of its own.
#include <optional>
#include <string>

#include <fmt/format.h>

#include "tools/pairadm/human.h"
#include "tools/pairadm/json.h"
#include "tools/pairadm/target.h"
#include "tools/pairadm/verbs.h"

namespace hapair::pairadm {

namespace {

constexpr Duration kPollEvery = 100ms;

std::string state_of(const Command& command) {
  return command.name == "drain" ? "drain" : fmt::format("{}d", command.name);
}

/// What the operator named: two words, or POOL/SERVER in one.
struct Wanted {
  std::string service;
  std::string server;
  bool by_pool = false;
};

Result<Wanted> wanted(const Invocation& in) {
  if (in.operands.size() == 2) return Wanted{in.operands[0], in.operands[1], false};
  const std::string text = in.operands.empty() ? std::string() : in.operands[0];
  const size_t slash = text.find('/');
  if (slash == std::string::npos || slash == 0 || slash + 1 == text.size())
    return fail("{}: name the service and the server: SERVICE SERVER, or POOL/SERVER",
                in.command->name);
  return Wanted{text.substr(0, slash), text.substr(slash + 1), true};
}

struct Found {
  control::Service service;
  control::Server server;
};

class ServerState {
 public:
  ServerState(const Invocation& in, Shell& shell, Wanted wanted)
      : in_(in), shell_(shell), wanted_(std::move(wanted)) {}

  int run() {
    const auto found = look();
    if (!found) return failed(found.error().message);
    const std::string name = fmt::format("{}/{}", found->service.pool(), found->server.name());
    const TimePoint begin = shell_.now();

    control::Request request;
    auto& edit = *request.mutable_edit_server();
    *edit.mutable_key()->mutable_service() = found->service.key();
    edit.mutable_key()->set_address(found->server.address());
    edit.set_admin(state_of(*in_.command));
    const auto reply = shell_.ask(call(), request);
    if (!reply) return failed(reply.error().message);
    if (reply->code() != control::OK) return failed(reply->message());
    if (!reply->message().empty()) note(reply->message());

    if (!in_.has(Opt::wait)) return tell(name, look(), std::nullopt);
    return wait(name, begin);
  }

 private:
  [[nodiscard]] Call call() const {
    return {.daemon = "lbcore", .run_dir = in_.run_dir, .wait = in_.wait};
  }

  Result<Found> look() {
    control::Request request;
    request.mutable_list();
    const auto reply = shell_.ask(call(), request);
    if (!reply) return tl::unexpected(reply.error());
    if (reply->code() != control::OK) return fail("{}", reply->message());
    const auto service = wanted_.by_pool
                             ? find_pool(reply->listing(), wanted_.service)
                             : find_service(reply->listing(), wanted_.service, shell_.names);
    if (!service) return tl::unexpected(service.error());
    const auto server = find_server(**service, wanted_.server, shell_.names);
    if (!server) return tl::unexpected(server.error());
    return Found{**service, **server};
  }

  [[nodiscard]] bool is_done(const control::Server& server) const {
    return in_.command->name == "enable" ? server.up() : server.counters().active() == 0;
  }

  int wait(const std::string& name, TimePoint begin) {
    std::optional<uint64_t> told;
    while (true) {
      auto found = look();
      if (!found) return failed(found.error().message);
      const control::Server& server = found->server;
      if (server.admin() != state_of(*in_.command))
        return failed(fmt::format("{} was made {} meanwhile", name, server.admin()));
      if (is_done(server)) return tell(name, found, shell_.now() - begin);
      const uint64_t open = server.counters().active();
      if (shell_.now() - begin >= in_.wait_for_end) {
        shell_.err << fmt::format("pairadm: {}: {} in time\n", name,
                                  in_.command->name == "enable"
                                      ? "was not seen to come up"
                                      : fmt::format("{} did not end", count(open, "connection")));
        return kTimedOut;
      }
      if (told != open && in_.command->name != "enable")
        note(fmt::format("{}: {} open", name, count(open, "connection")));
      told = open;
      shell_.pause(kPollEvery);
    }
  }

  int tell(const std::string& name, const Result<Found>& found, std::optional<Duration> took) {
    if (!found) return failed(found.error().message);
    const control::Server& server = found->server;
    if (in_.has(Opt::json)) {
      Json json{{"server", name},
                {"address", server.address()},
                {"state", server.admin()},
                {"up", server.up()},
                {"active", server.counters().active()},
                {"sessions", server.sessions()}};
      json["took_ms"] = took ? Json(*took / 1ms) : Json(nullptr);
      shell_.out << json_text(json);
      return kDone;
    }
    shell_.out << fmt::format(
        "{}: {}, {}, {}{}\n", name, server.admin(), server.up() ? "up" : "down",
        count(server.counters().active(), "connection"),
        server.sessions() > 0 ? fmt::format(", {}", count(server.sessions(), "session"))
                              : std::string());
    return kDone;
  }

  void note(const std::string& text) { shell_.err << fmt::format("pairadm: note: {}\n", text); }
  int failed(const std::string& text) {
    shell_.err << fmt::format("pairadm: {}\n", text);
    return kFailed;
  }

  const Invocation& in_;
  Shell& shell_;
  Wanted wanted_;
};

}  // namespace

int run_server_state(const Invocation& in, Shell& shell) {
  auto what = wanted(in);
  if (!what) {
    shell.err << fmt::format("pairadm: {}\n", what.error().message);
    return kUsage;
  }
  return ServerState(in, shell, std::move(*what)).run();
}

}  // namespace hapair::pairadm
