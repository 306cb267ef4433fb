#include "tools/pairadm/daemons.h"

#include <cerrno>
#include <string>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/control_socket.h"
#include "common/units.h"

namespace hapair::pairadm {

namespace {

/// Why nobody could be reached at `path`. Looked up afterwards: the connection's own error names
/// the system call, this names what to do.
Error unreachable(std::string_view daemon, const std::string& path, const Error& cause) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR)
      return Error{fmt::format("{} is not running (no socket at {})", daemon, path)};
    if (errno != EACCES) return system_error(fmt::format("{}: {}", daemon, path));
  } else if (::access(path.c_str(), W_OK) == 0) {
    if (S_ISSOCK(status.st_mode))
      return Error{fmt::format("{} is not running (nobody answers at {})", daemon, path)};
    return Error{fmt::format("{}: {}", daemon, cause.message)};
  } else if (errno != EACCES) {
    return system_error(fmt::format("{}: {}", daemon, path));
  }
  return Error{fmt::format("Permission denied (you must be root, or in group {}, to use {})",
                           kControlGroup, path)};
}

}  // namespace

Result<control::Reply> ask_daemon(const Call& call, const control::Request& request) {
  const std::string path = fmt::format("{}/{}.sock", call.run_dir, call.daemon);
  auto client = ControlClient::connect(path);
  if (!client) return tl::unexpected(unreachable(call.daemon, path, client.error()));
  const auto no_answer = [&](const Error& cause) {
    return fail("{} does not answer ({}; waited up to {})", call.daemon, cause.message,
                format_duration(call.wait));
  };
  if (const auto sent = client->send(request.SerializeAsString(), call.wait); !sent)
    return no_answer(sent.error());
  const auto bytes = client->receive(call.wait);
  if (!bytes) return no_answer(bytes.error());
  control::Reply reply;
  if (!reply.ParseFromString(*bytes))
    return fail("{} answered with something else than a reply ({})", call.daemon, path);
  return reply;
}

Status stream_from_daemon(const Call& call, const control::Request& request,
                          const std::function<bool(const control::Reply&)>& on_reply) {
  constexpr Duration kForEver = 24h * 365;
  const std::string path = fmt::format("{}/{}.sock", call.run_dir, call.daemon);
  auto client = ControlClient::connect(path);
  if (!client) return tl::unexpected(unreachable(call.daemon, path, client.error()));
  if (auto sent = client->send(request.SerializeAsString(), call.wait); !sent) return sent;
  while (true) {
    const auto bytes = client->receive(kForEver);
    if (!bytes) return fail("{} ended the stream ({})", call.daemon, bytes.error().message);
    control::Reply reply;
    if (!reply.ParseFromString(*bytes))
      return fail("{} answered with something else than a reply ({})", call.daemon, path);
    if (!on_reply(reply)) return {};
  }
}

}  // namespace hapair::pairadm
