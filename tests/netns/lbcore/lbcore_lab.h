// One node with lbcore alone, a client and three servers:
//
//   client 10.0.0.10, 10.1.0.0/16 --- eth0 10.0.0.1 [lb] eth1 10.0.1.1 ---
//   s1..s3 10.0.1.11..13:8080
//                                     VIP 10.0.0.100
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/schema/control.pb.h"
#include "tests/netns/lbcore/http.h"
#include "tests/support/files.h"
#include "tests/support/namespace.h"
#include "tests/support/process.h"
#include "tests/support/root_test.h"
#include "tests/support/switch.h"
#include "tests/support/wait.h"

namespace hapair::test {

class LbcoreLab : public RootTest {
 protected:
  static constexpr const char* kPool =
      "scheduler = rr\n"
      "check = http GET /health expect 200-399 interval 100ms timeout 100ms fall 2 rise 1\n";

  void SetUp() override;
  void TearDown() override;

  /// [lbcore] with two workers, service web on the VIP's port 80, pool web with these lines, its
  /// servers s1..s3; `more` behind everything.
  static std::string config(const std::string& pool = kPool, const std::string& more = "");
  void write_config(const std::string& text) { write_file(config_path_, text); }
  /// Starts lbcore and waits until it serves, with every server up if they can be (or only until it
  /// runs); throws when it does not. `prefix`: a command before it.
  void start(const std::string& text, bool wait_serving = true,
             std::vector<std::string> prefix = {});
  /// SIGHUP; waits for the log line that ends the reload: "reload: done" or "reload: refused".
  void reload(const std::string& text, std::string_view outcome = "reload: done");

  Answer get(const std::string& path = "/", const IpAddress& source = IpAddress()) {
    return get_from(client(), vip(), path, source);
  }
  /// Answers per server of `count` requests, each on a connection of its own; "" for failed ones.
  std::map<std::string, int> requests(int count);

  control::Reply ask(const control::Request& request);
  control::NodeStatus status();
  control::Service service(const std::string& name = "web");
  /// Resident memory of lbcore in bytes.
  size_t memory();

  static Endpoint vip(uint16_t port = 80) { return {IpAddress::parse("10.0.0.100").value(), port}; }
  Namespace& client() { return lab_->client; }
  Namespace& lb() { return lab_->lb; }
  Namespace& server(size_t number) { return lab_->servers[number - 1]; }
  Process& lbcore() { return *lbcore_; }
  std::optional<Process>& origin(size_t number) { return lab_->origins[number - 1]; }
  /// A new one in the place of one that was ended.
  void start_origin(size_t number) { lab_->start_origin(number); }
  [[nodiscard]] std::string run_dir() const { return lab_->dir / "run"; }

 private:
  struct Lab {
    Lab();
    void start_origin(size_t number);
    TempDir dir;
    Switch lan{"lan"};
    Switch server_net{"servers"};
    Namespace client{"client"};
    Namespace lb{"lb"};
    std::vector<Namespace> servers;
    std::vector<std::optional<Process>> origins;
  };

  bool all_up();

  std::optional<Lab> lab_;
  std::string config_path_;
  std::optional<Process> lbcore_;
};

}  // namespace hapair::test
