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

std::vector<std::string> datagram_floor(const std::string& backend) {
  return {HAPAIR_BENCH_FLOOR_UDP, std::to_string(Contender::kDatagrams), backend,
          std::to_string(Backend::kDatagrams)};
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

std::vector<std::string> nginx(const TempDir& dir, const std::string& own,
                               const std::string& backend) {
  write_file(
      dir / "nginx.conf",
      fmt::format(R"(load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off; worker_processes 1; pid {0}/pid; error_log {0}/error.log error;
worker_rlimit_nofile 20000; events {{ worker_connections 19900; }}
stream {{
    proxy_timeout 120s;
    server {{ listen {1} backlog=65535; proxy_pass {3}:{4}; }}
    server {{ listen {2}; proxy_pass {3}:{5}; }}
    server {{ listen {6}:{7} udp; proxy_pass {3}:{8}; }}
}}
)",
                  dir.path(), Contender::kAnswers, Contender::kBulk, backend, Backend::kAnswers,
                  Backend::kBulk, own, Contender::kDatagrams, Backend::kDatagrams));
  return {"nginx", "-c", dir / "nginx.conf", "-e", dir / "error.log", "-p", dir.path()};
}

std::string service(const std::string& name, const std::string& listen, uint16_t port,
                    const Contender::Setup& setup, const std::string& backend) {
  std::string out = fmt::format(
      "[service {0}]\nlisten = {1}\npool = {0}\n[pool {0}]\nscheduler = rr\ncheck = none\n", name,
      listen);
  for (size_t i = 0; i < setup.servers; ++i) {
    // Any address of 10.64/16 is the backend's as well.
    const std::string address =
        setup.servers == 1 ? backend : fmt::format("10.64.{}.{}", i / 250, 1 + i % 250);
    out += fmt::format("[server {0}/{1}]\naddress = {2}:{3}\n", name, i, address, port);
  }
  return out;
}

std::vector<std::string> lbcore(const TempDir& dir, const Contender::Setup& setup,
                                const std::string& own, const std::string& backend) {
  std::string config = fmt::format("[lbcore]\nworkers = {}\n", setup.workers);
  if (setup.datagrams) {
    config += service("datagrams", fmt::format("udp {}:{}", own, Contender::kDatagrams),
                      Backend::kDatagrams, setup, backend);
  } else {
    config += service("answers", fmt::format("tcp 0.0.0.0:{}", Contender::kAnswers),
                      Backend::kAnswers, setup, backend);
    config += service("bulk", fmt::format("tcp 0.0.0.0:{}", Contender::kBulk), Backend::kBulk,
                      setup, backend);
  }
  for (size_t i = 0; setup.services > 1 && i < setup.services; ++i) {
    config += service(fmt::format("service{}", i),
                      fmt::format("tcp 0.0.0.0:{}", Contender::kFirstOfMany + i), Backend::kAnswers,
                      setup, backend);
  }
  write_file(dir / "hapair.conf", config);
  return {programs::lbcore(), "--config", dir / "hapair.conf", "--node", "bench",
          "--run-dir",        dir.path()};
}

std::vector<std::string> command(std::string_view name, const Contender::Setup& setup,
                                 const TempDir& dir, const std::string& own,
                                 const std::string& backend) {
  if (name == "floor") return setup.datagrams ? datagram_floor(backend) : floor(backend);
  if (name == "haproxy") return haproxy(dir, backend, false);
  if (name == "haproxy-splice") return haproxy(dir, backend, true);
  if (name == "nginx") return nginx(dir, own, backend);
  if (name == "lbcore") return lbcore(dir, setup, own, backend);
  throw std::runtime_error(fmt::format("there is no contender {}", name));
}

bool has_socket(const Namespace& inside, std::string_view table, uint16_t port,
                std::string_view state) {
  // /proc/net of a thread that is inside.
  const std::string row = fmt::format(":{:04X} 00000000:0000 {}", port, state);
  const std::string path = fmt::format("/proc/thread-self/net/{}", table);
  return inside.run([&] { return read_file(path); }).find(row) != std::string::npos;
}

bool is_up(const Namespace& inside, const Contender::Setup& setup) {
  if (setup.datagrams) return has_socket(inside, "udp", Contender::kDatagrams, "07");
  const auto last = static_cast<uint16_t>(Contender::kFirstOfMany + setup.services - 1);
  return has_socket(inside, "tcp", Contender::kAnswers, "0A") &&
         has_socket(inside, "tcp", Contender::kBulk, "0A") &&
         (setup.services == 1 || has_socket(inside, "tcp", last, "0A"));
}

}  // namespace

const std::vector<std::string_view>& Contender::names() {
  static const std::vector<std::string_view> names{"direct",         "floor", "haproxy",
                                                   "haproxy-splice", "nginx", "lbcore"};
  return names;
}

Contender::Contender(std::string_view name, const Setup& setup, const Namespace& inside,
                     const std::string& own, const std::string& backend) {
  if (name == "direct") return;
  process_ = std::make_unique<Process>(
      Launch{.argv = command(name, setup, dir_, own, backend), .in = &inside});
  // nginx listens before it has a worker, whose cost would be missed.
  const auto whole = [&] { return name != "nginx" || !process_->children().empty(); };
  const auto up = eventually(
      10s, [&] { return is_up(inside, setup) && whole(); }, "it listens");
  if (!up) throw std::runtime_error(fmt::format("{}: {}", name, process_->err()));
  processes_ = tree(process_->pid());
}

}  // namespace hapair::test::bench
