// Command lines and what they ask of lbcore, or the one line that refuses them.
#include "tools/pairadm/parse.h"

#include <ostream>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/unit/tools/pairadm/fake_shell.h"

namespace hapair::pairadm {
namespace {

std::string text(const control::ServiceKey& key) {
  return fmt::format("{} {}", key.protocol() == control::PROTOCOL_UDP ? "udp" : "tcp",
                     key.listen());
}

std::string text(const control::ServiceEdit& edit) {
  std::string out = text(edit.key());
  if (edit.has_scheduler()) out += " scheduler=" + edit.scheduler();
  if (edit.has_sticky_seconds()) out += fmt::format(" sticky={}", edit.sticky_seconds());
  if (edit.has_sticky_prefix_length())
    out += fmt::format(" prefix={}", edit.sticky_prefix_length());
  if (edit.has_one_shot()) out += fmt::format(" one_shot={}", edit.one_shot());
  return out;
}

std::string text(const control::ServerKey& key) {
  return fmt::format("{} -> {}", text(key.service()), key.address());
}

std::string text(const control::ServerEdit& edit) {
  std::string out = text(edit.key());
  if (edit.has_weight()) out += fmt::format(" weight={}", edit.weight());
  if (edit.has_max_connections()) out += fmt::format(" most={}", edit.max_connections());
  if (edit.has_min_connections()) out += fmt::format(" least={}", edit.min_connections());
  if (edit.has_admin()) out += fmt::format(" state={}", edit.admin());
  if (edit.has_forward()) out += " forward=" + edit.forward();
  return out;
}

std::string text(const control::Timeouts& timeouts) {
  std::string out;
  if (timeouts.has_tcp()) out += fmt::format(" tcp={}", timeouts.tcp());
  if (timeouts.has_tcpfin()) out += fmt::format(" tcpfin={}", timeouts.tcpfin());
  if (timeouts.has_udp()) out += fmt::format(" udp={}", timeouts.udp());
  return out;
}

std::string text(const control::Request& request) {
  switch (request.command_case()) {
    case control::Request::kAddService:
      return "add service " + text(request.add_service());
    case control::Request::kEditService:
      return "edit service " + text(request.edit_service());
    case control::Request::kDeleteService:
      return "delete service " + text(request.delete_service());
    case control::Request::kAddServer:
      return "add server " + text(request.add_server());
    case control::Request::kEditServer:
      return "edit server " + text(request.edit_server());
    case control::Request::kDeleteServer:
      return "delete server " + text(request.delete_server());
    case control::Request::kClear:
      return "clear";
    case control::Request::kList:
      if (request.list().latency()) return "list with latency";
      return request.list().has_service() ? "list " + text(request.list().service()) : "list";
    case control::Request::kSetTimeouts:
      return "set" + text(request.set_timeouts());
    default:
      return "something else";
  }
}

/// The request of a command line, or "! error".
std::string understood(const std::vector<std::string>& args) {
  const auto invocation = parse(args);
  if (!invocation) return "! " + invocation.error().message;
  if (invocation->command->request == nullptr) return std::string(invocation->command->name);
  const auto request = invocation->command->request(*invocation, fixed_names());
  return request ? text(*request) : "! " + request.error().message;
}

struct Case {
  std::string line;
  std::string expected;
  friend void PrintTo(const Case& c, std::ostream* out) { *out << c.line; }
};

class CommandLine : public testing::TestWithParam<Case> {};

TEST_P(CommandLine, IsUnderstood) {
  EXPECT_EQ(understood(words(GetParam().line)), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    Services, CommandLine,
    testing::Values(
        Case{"-A -t 192.0.2.10:80", "add service tcp 192.0.2.10:80"},
        Case{"-A -t 192.0.2.10:80 -s wrr -p 600 -M 255.255.255.0",
             "add service tcp 192.0.2.10:80 scheduler=wrr sticky=600 prefix=24"},
        Case{"--add-service --tcp-service 192.0.2.10:80 --scheduler wrr --persistent 600 "
             "--netmask 255.255.255.0",
             "add service tcp 192.0.2.10:80 scheduler=wrr sticky=600 prefix=24"},
        Case{"--add-service --tcp-service=192.0.2.10:80 --scheduler=wrr --persistent=600",
             "add service tcp 192.0.2.10:80 scheduler=wrr sticky=600"},
        Case{"-At 192.0.2.10:80 -swrr -p600 -M=255.255.0.0",
             "add service tcp 192.0.2.10:80 scheduler=wrr sticky=600 prefix=16"},
        Case{"-A -t 192.0.2.10:80 -s sh -b sh-fallback,flag-1",
             "add service tcp 192.0.2.10:80 scheduler=sh"},
        Case{"-A -t 192.0.2.10:80 -s sh -b sh-fallback,sh-port",
             "! -b sh-port: the client's port is not hashed, all connections of an address stay "
             "together"},
        Case{"-A -t 192.0.2.10:80 -b frob", "! -b frob: valid are sh-fallback and mh-fallback"},
        Case{"-A -t 192.0.2.10:80 -p", "add service tcp 192.0.2.10:80 sticky=360"},
        Case{"-A -t 192.0.2.10:80 -p -s rr",
             "add service tcp 192.0.2.10:80 scheduler=rr sticky=360"},
        Case{"-A -t [2001:db8::1]:80 -p 5 -M 64",
             "add service tcp [2001:db8::1]:80 sticky=5 prefix=64"},
        Case{"-A -6 -t [2001:db8::1]:80", "add service tcp [2001:db8::1]:80"},
        Case{"-A -t www:http", "add service tcp 192.0.2.7:80"},
        Case{"-A -6 -t www:http", "add service tcp [2001:db8::7]:80"},
        Case{"--run-dir /x --wait 5s -A -t 192.0.2.10:80", "add service tcp 192.0.2.10:80"},
        Case{"-A -t 192.0.2.10:80 -p 2678400", "add service tcp 192.0.2.10:80 sticky=2678400"},
        Case{"-A -t 192.0.2.10:80 -p 1 -M 255.255.255.255",
             "add service tcp 192.0.2.10:80 sticky=1 prefix=32"},
        Case{"-E -t 192.0.2.10:80 -s lc", "edit service tcp 192.0.2.10:80 scheduler=lc"},
        Case{"-E -t 192.0.2.10:80 -p 0", "edit service tcp 192.0.2.10:80 sticky=0"},
        Case{"-D -t 192.0.2.10:80", "delete service tcp 192.0.2.10:80"}, Case{"-C", "clear"},
        Case{"--clear", "clear"}));

INSTANTIATE_TEST_SUITE_P(
    Servers, CommandLine,
    testing::Values(
        Case{"-a -t 192.0.2.10:80 -r 10.0.0.2:8080",
             "add server tcp 192.0.2.10:80 -> 10.0.0.2:8080"},
        Case{"-a -t 192.0.2.10:80 -r 10.0.0.2", "add server tcp 192.0.2.10:80 -> 10.0.0.2:80"},
        Case{"-a -t 192.0.2.10:80 -r 10.0.0.2:0", "add server tcp 192.0.2.10:80 -> 10.0.0.2:80"},
        Case{"-a -t 192.0.2.10:80 -r 2001:db8::2",
             "add server tcp 192.0.2.10:80 -> [2001:db8::2]:80"},
        Case{"-a -t 192.0.2.10:80 -r [2001:db8::2]:8080 -w 2147483647",
             "add server tcp 192.0.2.10:80 -> [2001:db8::2]:8080 weight=2147483647"},
        Case{"-a -t 192.0.2.10:80 -r www:8080 -w 0",
             "add server tcp 192.0.2.10:80 -> 192.0.2.7:8080 weight=0"},
        // lbcore judges the forwarding method: a newer one may offer more.
        Case{"-a -t 192.0.2.10:80 -r 10.0.0.2:8080 -m",
             "add server tcp 192.0.2.10:80 -> 10.0.0.2:8080 forward=masq"},
        Case{"-a -t 192.0.2.10:80 -r 10.0.0.2:8080 -gw 3",
             "add server tcp 192.0.2.10:80 -> 10.0.0.2:8080 weight=3 forward=route"},
        Case{"-a -t 192.0.2.10:80 -r 10.0.0.2:8080 --ipip",
             "add server tcp 192.0.2.10:80 -> 10.0.0.2:8080 forward=tunnel"},
        Case{"-a -t 192.0.2.10:80 -r 10.0.0.2:8080 --state drain",
             "add server tcp 192.0.2.10:80 -> 10.0.0.2:8080 state=drain"},
        Case{"-a -t 192.0.2.10:80 -r 10.0.0.2:8080 -x 50 --l-threshold 40",
             "add server tcp 192.0.2.10:80 -> 10.0.0.2:8080 most=50 least=40"},
        Case{"-e -t 192.0.2.10:80 -r 10.0.0.2:8080 -x 0",
             "edit server tcp 192.0.2.10:80 -> 10.0.0.2:8080 most=0"},
        Case{"-e -t 192.0.2.10:80 -r 10.0.0.2:8080 -x -1",
             "! -x -1: a number of connections of 0 .. 2147483647"},
        Case{"-e -t 192.0.2.10:80 -r 10.0.0.2:8080 -w 5",
             "edit server tcp 192.0.2.10:80 -> 10.0.0.2:8080 weight=5"},
        Case{"-d -t 192.0.2.10:80 -r 10.0.0.2", "delete server tcp 192.0.2.10:80 -> 10.0.0.2:80"}));

INSTANTIATE_TEST_SUITE_P(Lists, CommandLine,
                         testing::Values(Case{"", "list"}, Case{"--run-dir /x", "list"},
                                         Case{"-L", "list"}, Case{"-l -n", "list"},
                                         Case{"-Ln", "list"},
                                         Case{"--list --numeric --json", "list"},
                                         Case{"-Ln -t 192.0.2.10:80", "list tcp 192.0.2.10:80"},
                                         Case{"-Lnt 192.0.2.10:80", "list tcp 192.0.2.10:80"},
                                         Case{"-L --persistent-conn --nosort", "list"},
                                         Case{"-L --sort", "list"}, Case{"-L --timeout", "list"},
                                         Case{"-L --latency", "list with latency"}));

INSTANTIATE_TEST_SUITE_P(
    Set, CommandLine,
    testing::Values(
        Case{"--set 1200 60 10", "set tcp=1200 tcpfin=60 udp=10"},
        Case{"--set 0 60 0", "set tcpfin=60"}, Case{"--set 0 0 0", "set"},
        Case{"--set 900 120",
             "! --set needs three timeouts in seconds, 0 keeps one: --set TCP TCPFIN UDP"},
        Case{"--set 900 120 300 1", "! unexpected argument 1"},
        Case{"--set 900 2m 300",
             "! --set 2m: a timeout of 1 .. 2678400 seconds, or 0 to keep what there is"},
        Case{"--set 900 120 2678401",
             "! --set 2678401: a timeout of 1 .. 2678400 seconds, or 0 to keep what there is"},
        Case{"--set 900 120 300 -t 192.0.2.10:80", "! -t is not an option of --set"}));

INSTANTIATE_TEST_SUITE_P(Others, CommandLine,
                         testing::Values(Case{"status", "status"}, Case{"status --json", "status"},
                                         Case{"keygen", "keygen"}, Case{"keygen /x", "keygen"},
                                         Case{"-h", "help"}, Case{"--help", "help"},
                                         Case{"help", "help"}, Case{"-A -t x --help", "help"},
                                         Case{"-h -A", "help"}, Case{"status -h", "help"},
                                         Case{"-v", "version"}, Case{"--version", "version"}));

INSTANTIATE_TEST_SUITE_P(
    WrongCommands, CommandLine,
    testing::Values(
        Case{"-t 192.0.2.10:80 -A",
             "! -t: the command comes first, such as -A, -a or -L; see pairadm -h"},
        Case{"-n", "! -n: the command comes first, such as -A, -a or -L; see pairadm -h"},
        Case{"-A -D -t 192.0.2.10:80", "! two commands, -A and -D: give one"},
        Case{"-AD", "! two commands, -A and -D: give one"},
        Case{"-q", "! unknown option -q; see pairadm -h"},
        Case{"-Lq", "! unknown option -q; see pairadm -h"},
        Case{"-L --frob=1", "! unknown option --frob; see pairadm -h"},
        Case{"frob", "! unknown command frob; see pairadm -h"},
        Case{"add-service", "! unknown command add-service; see pairadm -h"},
        Case{"--status", "! unknown option --status; see pairadm -h"},
        Case{"-L frob", "! unexpected argument frob"},
        Case{"keygen a b", "! unexpected argument b"},
        Case{"-L --numeric=yes", "! --numeric takes no value"},
        Case{"-L -n -n", "! -n is given twice"},
        Case{"-L --sort --nosort", "! --sort or --nosort, not both"},
        Case{"-L --stats --rate",
             "! one of --stats, --rate, --thresholds, --latency, --persistent-conn, --timeout and "
             "-c, please"},
        Case{"-L --timeout -t 192.0.2.10:80",
             "! --timeout is about all services: without -t and -u, please"}));

INSTANTIATE_TEST_SUITE_P(
    WrongFit, CommandLine,
    testing::Values(Case{"-A", "! -A needs the service: -t ADDRESS:PORT or -u ADDRESS:PORT"},
                    Case{"-D", "! -D needs the service: -t ADDRESS:PORT or -u ADDRESS:PORT"},
                    Case{"-a -r 10.0.0.2",
                         "! -a needs the service: -t ADDRESS:PORT or -u ADDRESS:PORT"},
                    Case{"-a -t 192.0.2.10:80", "! -a needs the server: -r ADDRESS[:PORT]"},
                    Case{"-A -t 192.0.2.10:80 -w 5", "! -w is not an option of -A"},
                    Case{"-A -t 192.0.2.10:80 -r 10.0.0.2", "! -r is not an option of -A"},
                    Case{"-A -t 192.0.2.10:80 --json", "! --json is not an option of -A"},
                    Case{"-D -t 192.0.2.10:80 -s rr", "! -s is not an option of -D"},
                    Case{"-d -t 192.0.2.10:80 -r 10.0.0.2 -w 5", "! -w is not an option of -d"},
                    Case{"-C -t 192.0.2.10:80", "! -t is not an option of -C"},
                    Case{"status -t 192.0.2.10:80", "! -t is not an option of status"},
                    Case{"keygen --json", "! --json is not an option of keygen"},
                    Case{"-E -t 192.0.2.10:80", "! -E: nothing to change; give -s, -p, -M or -o"},
                    Case{"-e -t 192.0.2.10:80 -r 10.0.0.2",
                         "! -e: nothing to change; give -w, -x, -y or --state"},
                    Case{"-a -t 192.0.2.10:80 -r 10.0.0.2 -g -m",
                         "! one forwarding method, please: -g, -i or -m"},
                    Case{"-A -t", "! -t needs a value: -t --tcp-service ADDRESS:PORT"},
                    Case{"-A -t 192.0.2.10:80 --scheduler",
                         "! --scheduler needs a value: -s --scheduler NAME"}));

INSTANTIATE_TEST_SUITE_P(
    WrongValues, CommandLine,
    testing::Values(
        Case{
            "-A -t 192.0.2.10",
            "! -t 192.0.2.10: name a port; every port of an address (port 0) needs the kernel data "
            "path, which is not built yet"},
        Case{"-A -t 192.0.2.10:0 -p",
             "! -t 192.0.2.10:0: name a port; every port of an address (port 0) needs the kernel "
             "data path, which is not built yet"},
        Case{"-A -t 2001:db8::1:80:zz",
             "! -t 2001:db8::1:80:zz: IPv6 with a port needs brackets: [2001:db8::1]:80"},
        Case{"-A -t [2001:db8::1", "! -t [2001:db8::1: the closing ] is missing"},
        Case{"-A -t [2001:db8::1]80", "! -t [2001:db8::1]80: behind the ] comes :PORT or nothing"},
        Case{"-A -t [192.0.2.10]:80",
             "! -t [192.0.2.10]:80: only IPv6 addresses stand in brackets"},
        Case{"-A -t 192.0.2.10:", "! -t 192.0.2.10:: the port behind the colon is missing"},
        Case{"-A -t 192.0.2.10:65536", "! -t 192.0.2.10:65536: port 65536: between 1 and 65535"},
        Case{"-A -t 192.0.2.10:frob", "! -t 192.0.2.10:frob: frob is no service"},
        Case{"-A -t frob:80", "! -t frob:80: no address of that name: not known"},
        Case{"-a -t 192.0.2.10:80 -r frob", "! -r frob: no address of that name: not known"},
        Case{"-A -t 192.0.2.10:80 -p 0", "! -p 0: a timeout of 1 .. 2678400 seconds"},
        Case{"-A -t 192.0.2.10:80 -p 2678401", "! -p 2678401: a timeout of 1 .. 2678400 seconds"},
        Case{"-A -t 192.0.2.10:80 -p 10s", "! -p 10s: a timeout of 1 .. 2678400 seconds"},
        Case{"-E -t 192.0.2.10:80 -p 2678401",
             "! -p 2678401: a timeout of 1 .. 2678400 seconds, or 0 for no sticky sessions"},
        Case{"-A -t 192.0.2.10:80 -p -M 255.0.255.0",
             "! -M 255.0.255.0: a netmask such as 255.255.255.0"},
        Case{"-A -t 192.0.2.10:80 -p -M 0.0.0.0", "! -M 0.0.0.0: a netmask such as 255.255.255.0"},
        Case{"-A -t 192.0.2.10:80 -p -M 24", "! -M 24: a netmask such as 255.255.255.0"},
        Case{"-A -t [::1]:80 -p -M 129", "! -M 129: for IPv6 a prefix length of 1 .. 128"},
        Case{"-A -t [::1]:80 -p -M 0", "! -M 0: for IPv6 a prefix length of 1 .. 128"},
        Case{"-a -t 192.0.2.10:80 -r 10.0.0.2 -w -1", "! -w -1: a weight of 0 .. 2147483647"},
        Case{"-a -t 192.0.2.10:80 -r 10.0.0.2 -w 2147483648",
             "! -w 2147483648: a weight of 0 .. 2147483647"},
        Case{"-a -t 192.0.2.10:80 -r 10.0.0.2 -w 1x", "! -w 1x: a weight of 0 .. 2147483647"},
        Case{"-L --wait 0", "! --wait: between 1us and 1h"},
        Case{"-L --wait 2h", "! --wait: between 1us and 1h"}));

// Digits and dots never reach the resolver, which would read 10.1 as 10.0.0.1.
TEST(CommandLine, DigitsAndDotsAreAnAddress) {
  Names names = fixed_names();
  names.address = [](const std::string&, bool) -> Result<IpAddress> {
    return IpAddress::parse("10.0.0.1");
  };
  const auto invocation = parse(words("-A -t 10.1:80"));
  ASSERT_TRUE(invocation);
  EXPECT_FALSE(invocation->command->request(*invocation, names));
}

INSTANTIATE_TEST_SUITE_P(
    Udp, CommandLine,
    testing::Values(
        Case{"-A -u 192.0.2.10:53 -s rr", "add service udp 192.0.2.10:53 scheduler=rr"},
        Case{"-A -u 192.0.2.10:53 -o", "add service udp 192.0.2.10:53 one_shot=true"},
        Case{"-E --udp-service [2001:db8::1]:53 --ops",
             "edit service udp [2001:db8::1]:53 one_shot=true"},
        Case{"-D -u 192.0.2.10:53", "delete service udp 192.0.2.10:53"},
        Case{"-a -u 192.0.2.10:53 -r 10.0.0.2", "add server udp 192.0.2.10:53 -> 10.0.0.2:53"},
        Case{"-d -u 192.0.2.10:53 -r 10.0.0.2:54",
             "delete server udp 192.0.2.10:53 -> 10.0.0.2:54"},
        Case{"-Lu 192.0.2.10:53", "list udp 192.0.2.10:53"},
        Case{"-A -u 192.0.2.10",
             "! -u 192.0.2.10: name a port; every port of an address (port 0) needs the kernel "
             "data path, which is not built yet"},
        Case{"-A -u 192.0.2.10:53 -t 192.0.2.10:80", "! one service, please: -t or -u"},
        Case{"-A -t 192.0.2.10:80 -o", "! -o is for UDP services: -u ADDRESS:PORT"}));

INSTANTIATE_TEST_SUITE_P(
    NotOffered, CommandLine,
    testing::Values(
        Case{"-A -f 1",
             "! -f needs the kernel data path, which is not built yet: a proxy listens on "
             "addresses, give one service for each with -t"},
        Case{"-A --sctp-service 192.0.2.10:80",
             "! --sctp-service is not offered: a service is TCP (-t) or UDP (-u)"},
        Case{"-A -t 192.0.2.10:80 --pe sip",
             "! --pe is not offered: sessions are those of client addresses, -p makes them"},
        Case{"-a -t 192.0.2.10:80 -r 10.0.0.2 -i --tun-type gue",
             "! --tun-type needs the kernel data path, which is not built yet: a proxy has no "
             "tunnels"},
        Case{"--start-daemon master",
             "! --start-daemon is not needed: the pair replicates by itself, see [pair] in "
             "hapair.conf(5) and `pairadm status`"},
        Case{"-L --daemon",
             "! --daemon is not needed: the pair replicates by itself, see [pair] in "
             "hapair.conf(5) and `pairadm status`"}));

TEST(Globals, AreTakenAnywhereAndDefaulted) {
  const auto plain = parse(words("-L"));
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->run_dir, "/run/hapair");
  EXPECT_EQ(plain->wait, 2s);
  const auto given = parse(words("--run-dir=/tmp/a -L --wait 150ms"));
  ASSERT_TRUE(given);
  EXPECT_EQ(given->run_dir, "/tmp/a");
  EXPECT_EQ(given->wait, 150ms);
}

}  // namespace
}  // namespace hapair::pairadm
