// A Shell without a system: fixed names, daemons that are functions, output kept as text.
#pragma once

#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "tools/pairadm/shell.h"

namespace hapair::pairadm {

inline Names fixed_names() {
  return {.address = [](const std::string& host, bool ipv6) -> Result<IpAddress> {
            if (host != "www") return fail("no address of that name: not known");
            return IpAddress::parse(ipv6 ? "2001:db8::7" : "192.0.2.7");
          },
          .port = [](const std::string& service) -> Result<uint16_t> {
            if (service != "http") return fail("{} is no service", service);
            return uint16_t{80};
          },
          .host =
              [](const IpAddress& ip) {
                return ip.to_string() == "192.0.2.10" ? std::string("www.example.org")
                                                      : ip.to_string();
              },
          .service =
              [](uint16_t port, control::Protocol) {
                return port == 80 ? std::string("http") : std::to_string(port);
              }};
}

struct FakeShell {
  std::ostringstream out;
  std::ostringstream err;
  std::istringstream in;
  std::map<std::string, control::Reply, std::less<>> daemons;  // by name; missing: not running
  std::vector<control::Request> asked;
  std::vector<Call> calls;
  std::vector<std::string> keys;  // paths that were created
  std::vector<control::Reply> streamed;
  TimePoint now{100s};
  std::function<void()> on_ask;  // before each answer

  int run(const std::vector<std::string>& args) {
    Shell shell{
        .out = out,
        .err = err,
        .names = fixed_names(),
        .ask = [this](const Call& call, const control::Request& request) -> Result<control::Reply> {
          asked.push_back(request);
          calls.push_back(call);
          if (on_ask) on_ask();
          const auto daemon = daemons.find(call.daemon);
          if (daemon == daemons.end())
            return fail("{} is not running (no socket at {}/{}.sock)", call.daemon, call.run_dir,
                        call.daemon);
          return daemon->second;
        },
        .stream = [this](const Call& call, const control::Request& request,
                         const std::function<bool(const control::Reply&)>& on_reply) -> Status {
          asked.push_back(request);
          calls.push_back(call);
          for (const control::Reply& reply : streamed)
            if (!on_reply(reply)) return {};
          return fail("{} ended the stream", call.daemon);
        },
        .create_key = [this](const std::string& path) -> Status {
          if (path.find("refused") != std::string::npos) return fail("{}: no", path);
          keys.push_back(path);
          return {};
        },
        .rotate_key = [this](const std::string& path, Rotation step) -> Status {
          if (path.find("refused") != std::string::npos) return fail("{}: no", path);
          keys.push_back(path + " " + std::to_string(static_cast<int>(step)));
          return {};
        },
        .host = "lb1",
        .user = "root",
        .now = [this] { return now; },
        .pause = [this](Duration time) { now += time; },
        .in = in};
    return pairadm(args, shell);
  }
};

/// A command line as one writes it; blanks separate.
inline std::vector<std::string> words(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> out;
  for (std::string word; stream >> word;) out.push_back(word);
  return out;
}

}  // namespace hapair::pairadm
