// Who the client is, told to servers and by proxies: the PROXY protocol with HAProxy and nginx on
// both sides of lbcore.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "tests/netns/lbcore/lbcore_lab.h"

namespace hapair::test {
namespace {

using ::testing::StartsWith;

/// A chain in the node's own namespace: client -> HAProxy (sends) -> lbcore -> HAProxy or nginx
/// (receive, and answer with what they were told).
class Proxies : public LbcoreLab {
 protected:
  void start_haproxy() {
    write_file(dir_ / "haproxy.cfg",
               "defaults\n"
               "  timeout connect 5s\n  timeout client 5s\n  timeout server 5s\n"
               "listen sends_v1\n  mode tcp\n  bind 10.0.0.1:9001\n"
               "  server lbcore 10.0.0.100:80 send-proxy\n"
               "listen sends_v2\n  mode tcp\n  bind 10.0.0.1:9002\n"
               "  server lbcore 10.0.0.100:81 send-proxy-v2\n"
               "frontend receives\n  mode http\n  bind 127.0.0.1:9010 accept-proxy\n"
               "  http-request return status 200 content-type text/plain"
               " lf-string \"haproxy %ci to %fi:%fp\"\n");
    haproxy_.emplace(Launch{.argv = {"haproxy", "-db", "-f", dir_ / "haproxy.cfg"}, .in = &lb()});
  }
  void start_nginx() {
    write_file(dir_ / "nginx.conf",
               "daemon off;\nmaster_process off;\npid " + (dir_ / "nginx.pid") +
                   ";\nerror_log stderr;\nevents {}\nhttp {\n  access_log off;\n"
                   "  server {\n    listen 127.0.0.1:9011 proxy_protocol;\n"
                   "    location / { return 200 \"nginx $proxy_protocol_addr to "
                   "$proxy_protocol_server_addr:$proxy_protocol_server_port\"; }\n  }\n}\n");
    nginx_.emplace(
        Launch{.argv = {"nginx", "-p", dir_.path(), "-c", dir_ / "nginx.conf"}, .in = &lb()});
  }
  std::string ask_at(const std::string& address) {
    const Finished curl =
        client().try_exec({"curl", "-sS", "--max-time", "5", "http://" + address + "/"});
    return curl.ok() ? curl.out : curl.err;
  }

 private:
  TempDir dir_;
  std::optional<Process> haproxy_;
  std::optional<Process> nginx_;
};

TEST_F(Proxies, HaproxyAndNginxUnderstandUsAndWeUnderstandHaproxy) {
  start_haproxy();
  start_nginx();
  // What the node sends to its own VIP comes from the VIP.
  start(
      "[lbcore]\nworkers = 1\n"
      "[service in_v1]\nlisten = tcp 10.0.0.100:80\npool = haproxy\nproxy_from = 10.0.0.100\n"
      "[service in_v2]\nlisten = tcp 10.0.0.100:81\npool = nginx\nproxy_from = 10.0.0.100\n"
      "[service direct]\nlisten = tcp 10.0.0.100:82\npool = nginx_v2\nproxy_from = 10.0.0.100\n"
      "[pool haproxy]\ncheck = none\nproxy_protocol = v2\n"
      "[server haproxy/a]\naddress = 127.0.0.1:9010\n"
      "[pool nginx]\ncheck = none\nproxy_protocol = v1\n"
      "[server nginx/a]\naddress = 127.0.0.1:9011\n"
      "[pool nginx_v2]\ncheck = none\nproxy_protocol = v2\n"
      "[server nginx_v2/a]\naddress = 127.0.0.1:9011\n");
  ASSERT_TRUE(eventually(10s, [&] { return ask_at("10.0.0.1:9001").starts_with("haproxy"); }));
  ASSERT_TRUE(eventually(10s, [&] { return ask_at("10.0.0.100:82").starts_with("nginx"); }));
  EXPECT_EQ(ask_at("10.0.0.1:9001"), "haproxy 10.0.0.10 to 10.0.0.1:9001");
  EXPECT_EQ(ask_at("10.0.0.1:9002"), "nginx 10.0.0.10 to 10.0.0.1:9002");
  EXPECT_EQ(ask_at("10.0.0.100:82"), "nginx 10.0.0.10 to 10.0.0.100:82");
}

TEST_F(Proxies, ServersThatDemandAHeaderTakeOurChecks) {
  start_haproxy();
  start_nginx();
  const std::string http = "check = http expect 200 interval 50ms timeout 50ms fall 1 rise 1";
  const auto pool = [](const std::string& name, const std::string& lines, uint16_t port) {
    return fmt::format(
        "[service {0}]\nlisten = tcp 10.0.0.100:{1}\npool = {0}\n[pool {0}]\n{2}\n"
        "[server {0}/a]\naddress = 127.0.0.1:{3}\n",
        name, 80 + name.size(), lines, port);
  };
  start("[lbcore]\nworkers = 1\n" + pool("h1", http + " proxy v1", 9010) +
            pool("hv2", http + "\nproxy_protocol = v2", 9010) +
            pool("n1as", http + "\nproxy_protocol = v1", 9011) +
            pool("n2opt", http + " proxy v2", 9011) +
            pool("tcp_v2", "check = tcp interval 50ms proxy v2", 9011) +
            pool("without", http + " proxy none\nproxy_protocol = v2", 9011),
        false);
  for (const char* good : {"h1", "hv2", "n1as", "n2opt", "tcp_v2"}) {
    EXPECT_TRUE(eventually(10s, [&] { return service(good).servers(0).up(); })) << good;
  }
  EXPECT_THAT(service("hv2").servers(0).check(), StartsWith("L7OK 200 in "));
  EXPECT_FALSE(service("without").servers(0).up());
}

TEST_F(Proxies, WhoMustSendAHeaderAndDoesNotIsResetCountedAndLogged) {
  start(
      "[lbcore]\nworkers = 1\n[service web]\nlisten = tcp 10.0.0.100:80\npool = web\n"
      "proxy_from = 10.0.0.0/24\n[pool web]\ncheck = none\n"
      "[server web/a]\naddress = 10.0.1.11:8080\n");
  EXPECT_THAT(get().error, StartsWith("Connection reset"));
  EXPECT_TRUE(lbcore().wait_for_output(
      "remote: relay: service web: refused 10.0.0.10: its PROXY header: there is none", 5s));
  EXPECT_EQ(service().refused().at("proxy_header"), 1U);
}

}  // namespace
}  // namespace hapair::test
