#include "tests/bench/relay/contender.h"

#include <stdexcept>

#include <fmt/format.h>

#include "tests/bench/relay/backend.h"
#include "tests/bench/relay/cost.h"
#include "tests/support/programs.h"
#include "tests/support/wait.h"

namespace hapair::test::bench {

namespace {

// haproxy and nginx count two descriptors for each connection; the hard limit is 20,000.
constexpr int kMostConnections = 9700;

std::vector<std::string> floor(const std::string& backend) {
  return {HAPAIR_BENCH_FLOOR,
          std::to_string(Contender::kAnswers),
          backend,
          std::to_string(Backend::kAnswers),
          std::to_string(Contender::kBulk),
          backend,
          std::to_string(Backend::kBulk)};
}

std::vector<std::string> haproxy(const TempDir& dir, const std::string& backend, bool splice) {
  // With splice every connection may hold a pipe as well.
  write_file(dir / "haproxy.cfg",
             fmt::format(R"(global
    nbthread 1
    maxconn {0}
    no strict-limits
defaults
    mode tcp
    timeout connect 5s
    timeout client 120s
    timeout server 120s
    maxconn {0}
{1}frontend answers
    bind :{2} backlog 65535
    default_backend answers
backend answers
    server a {4}:{5}
frontend bulk
    bind :{3}
    default_backend bulk
backend bulk
    server a {4}:{6}
)",
                         splice ? 4000 : kMostConnections,
                         splice ? "    option splice-request\n    option splice-response\n" : "",
                         Contender::kAnswers, Contender::kBulk, backend, Backend::kAnswers,
                         Backend::kBulk));
  return {"haproxy", "-db", "-f", dir / "haproxy.cfg"};
}

std::vector<std::string> nginx(const TempDir& dir, const std::string& backend) {
  write_file(dir / "nginx.conf",
             fmt::format(R"(load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off; worker_processes 1; pid {0}/pid; error_log {0}/error.log error;
worker_rlimit_nofile 20000; events {{ worker_connections 19900; }}
stream {{
    proxy_timeout 120s;
    server {{ listen {1} backlog=65535; proxy_pass {3}:{4}; }}
    server {{ listen {2}; proxy_pass {3}:{5}; }}
}}
)",
                         dir.path(), Contender::kAnswers, Contender::kBulk, backend,
                         Backend::kAnswers, Backend::kBulk));
  return {"nginx", "-c", dir / "nginx.conf", "-e", dir / "error.log", "-p", dir.path()};
}

std::vector<std::string> lbcore(const TempDir& dir, const std::string& backend) {
  write_file(dir / "hapair.conf", fmt::format(R"([lbcore]
workers = 1
[service answers]
listen = tcp 0.0.0.0:{0}
pool = answers
[pool answers]
scheduler = rr
check = none
[server answers/a]
address = {2}:{3}
[service bulk]
listen = tcp 0.0.0.0:{1}
pool = bulk
[pool bulk]
scheduler = rr
check = none
[server bulk/a]
address = {2}:{4}
)",
                                              Contender::kAnswers, Contender::kBulk, backend,
                                              Backend::kAnswers, Backend::kBulk));
  return {programs::lbcore(), "--config", dir / "hapair.conf", "--node", "bench",
          "--run-dir",        dir.path()};
}

std::vector<std::string> command(std::string_view name, const TempDir& dir,
                                 const std::string& backend) {
  if (name == "floor") return floor(backend);
  if (name == "haproxy") return haproxy(dir, backend, false);
  if (name == "haproxy-splice") return haproxy(dir, backend, true);
  if (name == "nginx") return nginx(dir, backend);
  if (name == "lbcore") return lbcore(dir, backend);
  throw std::runtime_error(fmt::format("there is no contender {}", name));
}

bool listens(const Namespace& inside, uint16_t port) {
  // /proc/net of a thread that is inside; the state of a listener is 0A.
  const std::string row = fmt::format(":{:04X} 00000000:0000 0A", port);
  return inside.run([] { return read_file("/proc/thread-self/net/tcp"); }).find(row) !=
         std::string::npos;
}

}  // namespace

const std::vector<std::string_view>& Contender::names() {
  static const std::vector<std::string_view> names{"direct",         "floor", "haproxy",
                                                   "haproxy-splice", "nginx", "lbcore"};
  return names;
}

Contender::Contender(std::string_view name, const Namespace& inside, const std::string& backend) {
  if (name == "direct") return;
  process_ = std::make_unique<Process>(Launch{.argv = command(name, dir_, backend), .in = &inside});
  const auto up = eventually(
      10s, [&] { return listens(inside, kAnswers) && listens(inside, kBulk); }, "it listens");
  if (!up) throw std::runtime_error(fmt::format("{}: {}", name, process_->err()));
  processes_ = tree(process_->pid());
}

}  // namespace hapair::test::bench
