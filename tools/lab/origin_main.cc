// origin --name NAME --listen ADDRESS:PORT: runs one Origin until SIGTERM or SIGINT.
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>

#include <fmt/format.h>

#include "common/address.h"
#include "common/event_loop.h"
#include "tools/lab/options.h"
#include "tools/lab/origin.h"

int main(int argc, char** argv) {
  using namespace hapair;  // NOLINT(google-build-using-namespace)
  try {
    const lab::Options options(argc, argv, {"name", "listen"});
    const auto listen = Endpoint::parse(options.text("listen", "127.0.0.1:8080"));
    if (!listen) throw std::invalid_argument(listen.error().message);
    const std::string name = options.text("name", "origin");
    EventLoop loop;
    const SignalWatcher term(loop, SIGTERM, [&] { loop.stop(); });
    const SignalWatcher interrupt(loop, SIGINT, [&] { loop.stop(); });
    const lab::Origin origin(loop, name, *listen);
    fmt::print("{} listening on {}\n", name, listen->to_string());
    std::fflush(stdout);
    loop.run();
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "origin: {}\n", error.what());
    return 1;
  }
}
