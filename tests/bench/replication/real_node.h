// A real lbcore that is one of the two nodes, with one sticky service.
#pragma once

#include <csignal>
#include <stdexcept>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "tests/bench/replication/node.h"
#include "tests/support/files.h"
#include "tests/support/process.h"
#include "tests/support/programs.h"

namespace hapair::test::bench {

class RealNode {
 public:
  struct Service {
    std::string listen = "127.0.0.1:80";
    std::string server = lbcore::replicate::test::backend(1).to_string();
  };

  /// Starts it as `node`, "lb1" or "lb2".
  RealNode(const Namespace& in, std::string_view node, const Service& service)
      : process_(launch(in, node, service)) {}

  void wait_synced() {
    const auto synced = process_.wait_for_output("-> synced", 60s);
    if (!synced) throw std::runtime_error(synced.message());
  }
  void kill() { process_.signal(SIGKILL); }
  [[nodiscard]] pid_t pid() const { return process_.pid(); }

 private:
  Launch launch(const Namespace& in, std::string_view node, const Service& service) {
    std::string key;
    for (const uint8_t byte : kBenchKey) key += fmt::format("{:02x}", byte);
    write_file(dir_ / "pair.key", key + "\n", 0600);
    write_file(dir_ / "hapair.conf",
               fmt::format(R"([pair]
address@lb1 = 10.255.0.1:7400
address@lb2 = 10.255.0.2:7400
key_file = {}
[lbcore]
workers = 1
[service web]
listen = tcp {}
pool = web
[pool web]
sticky = source/32 10m
check = none
[server web/a]
address = {}
)",
                           dir_ / "pair.key", service.listen, service.server));
    return {.argv = {programs::lbcore(), "--config", dir_ / "hapair.conf", "--node",
                     std::string(node), "--run-dir", dir_.path()},
            .in = &in};
  }

  TempDir dir_;
  Process process_;
};

}  // namespace hapair::test::bench
