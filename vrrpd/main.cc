// vrrpd: the command line. Checks the configuration, takes the instance lock and becomes the
// guardian.
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <set>
#include <string>

#include <fmt/format.h>
#include <getopt.h>

#include "common/config/schema.h"
#include "common/log.h"
#include "common/process.h"
#include "vrrpd/config/config.h"
#include "vrrpd/guardian/guardian.h"
#include "vrrpd/guardian/realtime.h"
#include "vrrpd/kernel/macvlan.h"
#include "vrrpd/kernel/netlink_address.h"
#include "vrrpd/kernel/netlink_route.h"
#include "vrrpd/operate/demotion_file.h"
#include "vrrpd/operate/operating.h"
#include "vrrpd/options.h"

namespace {

using namespace hapair;        // NOLINT: the program's own names
using namespace hapair::vrrp;  // NOLINT

constexpr int kUsage = 2;

constexpr const char* kHelp = R"(Usage: vrrpd [OPTION]...
Elects the active node of a pair by VRRP (RFC 9568) and moves the floating addresses.

  -c, --config FILE       configuration (default /etc/hapair/hapair.conf)
  -n, --node NAME         this node's name in it (default: host name)
  -r, --run-dir DIR       sockets and lock (default /run/hapair)
  -s, --state-dir DIR     what survives a restart (default /var/lib/hapair)
  -t, --test              check the configuration and exit
      --release-addresses remove every VIP that vrrpd left on this node and exit
  -h, --help              this text
  -v, --version           version
)";

struct CommandLine {
  Options options;
  bool test = false;
  bool release = false;
};

CommandLine parse(int argc, char** argv) {
  constexpr int kRelease = 256;
  const std::array<option, 9> known{{{"config", required_argument, nullptr, 'c'},
                                     {"node", required_argument, nullptr, 'n'},
                                     {"run-dir", required_argument, nullptr, 'r'},
                                     {"state-dir", required_argument, nullptr, 's'},
                                     {"test", no_argument, nullptr, 't'},
                                     {"release-addresses", no_argument, nullptr, kRelease},
                                     {"help", no_argument, nullptr, 'h'},
                                     {"version", no_argument, nullptr, 'v'},
                                     {nullptr, 0, nullptr, 0}}};
  CommandLine out;
  for (int c = 0; (c = ::getopt_long(argc, argv, "c:n:r:s:thv", known.data(), nullptr)) != -1;) {
    switch (c) {
      case 'c':
        out.options.config = optarg;
        break;
      case 'n':
        out.options.node = optarg;
        break;
      case 'r':
        out.options.run_dir = optarg;
        break;
      case 's':
        out.options.state_dir = optarg;
        break;
      case 't':
        out.test = true;
        break;
      case kRelease:
        out.release = true;
        break;
      case 'h':
        std::fputs(kHelp, stdout);
        std::exit(0);
      case 'v':
        std::puts("vrrpd " HAPAIR_VERSION);
        std::exit(0);
      default:
        std::exit(kUsage);
    }
  }
  if (optind < argc) {
    fmt::print(stderr, "vrrpd: unexpected argument '{}'; see --help\n", argv[optind]);
    std::exit(kUsage);
  }
  if (out.options.node.empty()) out.options.node = config::host_name();
  return out;
}

/// For the supervisor, after both processes are dead. Without a readable configuration, everything
/// that bears our mark is ours: nobody else sets it.
int release_addresses(const Options& options) {
  std::set<IpAddress> vips;
  const auto loaded = load_config(options.config, options.node);
  if (loaded) {
    for (const RouterConfig& router : loaded->routers) {
      for (const Prefix& vip : router.all_addresses()) vips.insert(vip.ip);
    }
  }
  const auto routes = NetlinkRoute().remove_marked();
  if (routes && *routes > 0) fmt::print("vrrpd: released {} routes\n", *routes);
  Macvlan macvlans;
  const auto links = macvlans.dump();
  for (const Macvlan::Found& found : links.value_or(std::vector<Macvlan::Found>{})) {
    if (!found.marked || !macvlans.remove(found.index)) continue;
    fmt::print("vrrpd: released {}\n", found.name);
  }
  NetlinkAddress kernel;
  const auto addresses = kernel.dump();
  if (!addresses) {
    fmt::print(stderr, "vrrpd: {}\n", addresses.error().message);
    return 1;
  }
  int code = 0;
  for (const InstalledAddress& found : *addresses) {
    if (!found.marked || (loaded && !vips.contains(found.prefix.ip))) continue;
    const Status removed = kernel.remove(found.interface, std::array{found.prefix});
    if (removed) {
      fmt::print("vrrpd: released {}\n", found.prefix.to_string());
    } else {
      fmt::print(stderr, "vrrpd: {}\n", removed.error().message);
      code = 1;
    }
  }
  return code;
}

int serve(const Options& options, DaemonConfig config) {
  const auto lock = InstanceLock::acquire(options.run_dir, "vrrpd");
  if (!lock) {
    fmt::print(stderr, "vrrpd: {}\n", lock.error().message);
    return 1;
  }
  // Before the logger's thread exists: it inherits both.
  const sigset_t signals = guardian_signals();
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  // The first children, while we are ordinary ourselves.
  Operating operating;
  operating.runners.want(config.hook_users(), nullptr);
  // Demoted by an operator in an earlier life: still.
  if (const auto demotion = read_demotion(options.state_dir)) {
    operating.demotion.write(demotion->to_text());
  }
  become_realtime();  // the speaker says what was refused
  Logger log("vrrpd");
  return Guardian(log, options, std::move(config), operating).run();
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const CommandLine line = parse(argc, argv);
    if (line.release) return release_addresses(line.options);
    auto config = load_config(line.options.config, line.options.node);
    if (!config) {
      fmt::print(stderr, "{}\n", config.error().message);
      return 1;
    }
    if (line.test) {
      fmt::print("{}: valid for node {}\n", line.options.config, line.options.node);
      return 0;
    }
    return serve(line.options, std::move(*config));
  } catch (const std::exception& error) {
    fmt::print(stderr, "vrrpd: {}\n", error.what());
    return 1;
  }
}
