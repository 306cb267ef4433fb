// lbcore: reads options and configuration and runs the Daemon, alone on this node or in the place
// of an old process that has started it.
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <getopt.h>

#include "common/log.h"
#include "common/pair_key.h"
#include "common/process.h"
#include "lbcore/config.h"
#include "lbcore/daemon.h"
#include "lbcore/health/command_helper.h"
#include "lbcore/upgrade/spawn.h"

namespace hapair::lbcore {
namespace {

constexpr int kExitFailed = 1;
constexpr int kExitBadConfig = 2;

constexpr const char* kUsage =
    "Usage: lbcore [options]\n"
    "  --config FILE   configuration (default /etc/hapair/hapair.conf)\n"
    "  --node NAME     this node's name in it (default: the host name)\n"
    "  --run-dir DIR   sockets and lock (default /run/hapair)\n"
    "  -t, --test      check the configuration and exit\n"
    "  -h, --help      this text\n"
    "  -v, --version   the version\n";

/// The options, or the exit code of a program that is done already.
tl::expected<Options, int> parse_options(int argc, char** argv) {
  enum : int { kConfig = 256, kNode, kRunDir };
  static const option kLong[] = {{"config", required_argument, nullptr, kConfig},
                                 {"node", required_argument, nullptr, kNode},
                                 {"run-dir", required_argument, nullptr, kRunDir},
                                 {"test", no_argument, nullptr, 't'},
                                 {"help", no_argument, nullptr, 'h'},
                                 {"version", no_argument, nullptr, 'v'},
                                 {nullptr, 0, nullptr, 0}};
  Options options;
  options.program = {.path = upgrade::program_path(argv[0]),
                     .arguments = std::vector<std::string>(argv, argv + argc)};
  for (int given = 0; (given = ::getopt_long(argc, argv, "thv", kLong, nullptr)) != -1;) {
    switch (given) {
      case kConfig:
        options.config = optarg;
        break;
      case kNode:
        options.node = optarg;
        break;
      case kRunDir:
        options.run_dir = optarg;
        break;
      case 't':
        options.test = true;
        break;
      case 'h':
        fmt::print("{}", kUsage);
        return tl::unexpected(0);
      case 'v':
        fmt::print("lbcore {}\n", HAPAIR_VERSION);
        return tl::unexpected(0);
      default:
        fmt::print(stderr, "{}", kUsage);
        return tl::unexpected(kExitBadConfig);
    }
  }
  if (optind < argc) {
    fmt::print(stderr, "lbcore: '{}' is not an option\n{}", argv[optind], kUsage);
    return tl::unexpected(kExitBadConfig);
  }
  return options;
}

void print_lines(std::FILE* out, std::string_view lines) {
  fmt::print(out, "{}\n", lines);
}

int test_config(const Options& options) {
  const auto loaded = load_config(options.config, options.node);
  if (!loaded) {
    print_lines(stderr, loaded.error().message);
    return kExitBadConfig;
  }
  for (const std::string& warning : loaded->warnings) print_lines(stderr, "warning: " + warning);
  if (loaded->settings.pair) {
    if (const auto key = load_pair_keys(loaded->settings.pair->key_file); !key) {
      print_lines(stderr, "warning: no replication: " + key.error().message);
    }
  }
  fmt::print("{}: ok\n", options.config);
  return 0;
}

/// What the old process gives, or the lock that says that there is none.
Result<InstanceLock> take_place(const Options& options, Daemon::Origin& origin) {
  if (!origin.old) return InstanceLock::acquire(options.run_dir, "lbcore");
  auto inheritance = origin.old->receive();
  if (!inheritance) return fail("upgrade: {}", inheritance.error().message);
  origin.inheritance = std::move(*inheritance);
  return InstanceLock::adopt(std::move(origin.inheritance.lock));
}

int run(const Options& options) {
  Daemon::Origin origin{.old = upgrade::NewProcess::from_environment(), .inheritance = {}};
  const auto refuse = [&](const std::string& reason, int code) {
    print_lines(stderr, reason);
    if (origin.old) origin.old->fail(reason);
    return code;
  };
  auto loaded = load_config(options.config, options.node);
  if (!loaded) return refuse(loaded.error().message, kExitBadConfig);
  loaded->settings.run_dir = options.run_dir;
  auto lock = take_place(options, origin);
  if (!lock) return refuse(lock.error().message, kExitFailed);
  std::signal(SIGPIPE, SIG_IGN);  // before any thread starts
  Logger log("lbcore");
  Daemon daemon(options, std::move(*loaded), std::move(*lock), std::move(origin), log);
  return daemon.run();
}

}  // namespace
}  // namespace hapair::lbcore

int main(int argc, char** argv) {
  using namespace hapair::lbcore;
  // Not for users: lbcore starts itself again as its helper.
  if (argc == 2 && std::string_view(argv[1]) == health::kHelperOption) {
    return health::run_command_helper();
  }
  const auto options = parse_options(argc, argv);
  if (!options) return options.error();
  try {
    return options->test ? test_config(*options) : run(*options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "lbcore: {}\n", error.what());
    return kExitFailed;
  }
}
