#include "tests/netns/lbcore/lbcore_lab.h"

#include <algorithm>
#include <csignal>
#include <fstream>
#include <stdexcept>

#include <fmt/format.h>
#include <unistd.h>

#include "common/control_socket.h"
#include "tests/support/programs.h"

namespace hapair::test {

namespace {

/// Ends the test: nothing after it would make sense.
void must(const ::testing::AssertionResult& result) {
  if (!result) throw std::runtime_error(result.message());
}

}  // namespace

LbcoreLab::Lab::Lab() {
  lan.connect(client, "eth0", "10.0.0.10/24");
  client.ip("route add local 10.1.0.0/16 dev lo");
  lan.connect(lb, "eth0", "10.0.0.1/24");
  lb.ip("addr add 10.0.0.100/32 dev eth0");
  lb.ip("route add 10.1.0.0/16 via 10.0.0.10");
  server_net.connect(lb, "eth1", "10.0.1.1/24");
  origins.resize(3);
  for (size_t number = 1; number <= origins.size(); ++number) {
    Namespace& inside = servers.emplace_back(fmt::format("s{}", number));
    server_net.connect(inside, "eth0", fmt::format("10.0.1.{}/24", 10 + number));
    start_origin(number);
  }
}

void LbcoreLab::Lab::start_origin(size_t number) {
  std::optional<Process>& origin = origins[number - 1];
  origin.emplace(Launch{.argv = {programs::origin(), "--name", fmt::format("s{}", number),
                                 "--listen", fmt::format("10.0.1.{}:8080", 10 + number)},
                        .in = &servers[number - 1]});
  must(origin->wait_for_output("listening", 5s));
}

void LbcoreLab::SetUp() {
  RootTest::SetUp();
  if (IsSkipped() || HasFatalFailure()) return;
  lab_.emplace();
  config_path_ = lab_->dir / "hapair.conf";
}

void LbcoreLab::TearDown() {
  if (lbcore_ && HasFailure()) std::fprintf(stderr, "--- lbcore\n%s", lbcore_->err().c_str());
}

std::string LbcoreLab::config(const std::string& pool, const std::string& more) {
  std::string text =
      "[lbcore]\nworkers = 2\ndrain_timeout = 5s\n"
      "[service web]\nlisten = tcp 10.0.0.100:80\npool = web\n"
      "[pool web]\n" +
      pool;
  for (int number = 1; number <= 3; ++number) {
    text += fmt::format("[server web/s{}]\naddress = 10.0.1.{}:8080\n", number, 10 + number);
  }
  return text + more;
}

void LbcoreLab::start(const std::string& text, bool wait_serving, std::vector<std::string> prefix) {
  write_config(text);
  std::vector<std::string> argv = std::move(prefix);
  for (const std::string& word :
       {programs::lbcore(), std::string("--config"), config_path_, std::string("--run-dir"),
        run_dir(), std::string("--node"), std::string("lb1")}) {
    argv.push_back(word);
  }
  lbcore_.emplace(Launch{.argv = argv, .in = &lb()});
  must(lbcore_->wait_for_output("is node lb1", 5s));
  if (wait_serving) {
    must(eventually(
        5s, [&] { return status().serving(); }, [&] { return status().not_serving_reason(); }));
    // On a busy machine a first check may come too late: then the next one is waited for. Some
    // tests begin without a server.
    (void)eventually(1s, [&] { return all_up(); });
  }
}

bool LbcoreLab::all_up() {
  control::Request request;
  request.mutable_list();
  const control::Reply reply = ask(request);
  return std::ranges::all_of(reply.listing().services(), [](const control::Service& service) {
    return std::ranges::all_of(service.servers(), &control::Server::up);
  });
}

void LbcoreLab::reload(const std::string& text, std::string_view outcome) {
  write_config(text);
  const size_t before = lbcore_->err().size();
  lbcore_->signal(SIGHUP);
  must(eventually(
      5s, [&] { return lbcore_->err().find(outcome, before) != std::string::npos; },
      [&] { return "no '" + std::string(outcome) + "' in:\n" + lbcore_->err().substr(before); }));
}

std::map<std::string, int> LbcoreLab::requests(int count) {
  std::map<std::string, int> answers;
  for (int i = 0; i < count; ++i) {
    const Answer answer = get();
    EXPECT_TRUE(answer.ok()) << answer.error;
    ++answers[answer.server];
  }
  return answers;
}

control::Reply LbcoreLab::ask(const control::Request& request) {
  auto client_side = ControlClient::connect(run_dir() + "/lbcore.sock");
  if (!client_side) throw std::runtime_error(client_side.error().message);
  if (auto sent = client_side->send(request.SerializeAsString(), 5s); !sent) {
    throw std::runtime_error(sent.error().message);
  }
  const auto bytes = client_side->receive(5s);
  if (!bytes) throw std::runtime_error(bytes.error().message);
  control::Reply reply;
  if (!reply.ParseFromString(*bytes)) throw std::runtime_error("lbcore's reply is no Reply");
  return reply;
}

control::NodeStatus LbcoreLab::status() {
  control::Request request;
  request.mutable_status();
  return ask(request).node();
}

control::Service LbcoreLab::service(const std::string& name) {
  control::Request request;
  request.mutable_list();
  const control::Reply reply = ask(request);
  for (const control::Service& each : reply.listing().services()) {
    if (each.name() == name) return each;
  }
  throw std::runtime_error("there is no service " + name);
}

size_t LbcoreLab::memory() {
  std::ifstream statm(fmt::format("/proc/{}/statm", lbcore_->pid()));
  size_t total = 0;
  size_t resident = 0;
  statm >> total >> resident;
  return resident * static_cast<size_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace hapair::test
