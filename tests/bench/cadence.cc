// How steadily one vrrpd advertises at 10 ms: the gaps between its advertisements, by the kernel's
// time stamps at another station of the LAN, while the machine is idle, while every processor is
// busy, while nobody reads its log (a stalled disk: standard error is a full pipe), and while
// `pairadm status` is asked in a loop. Prints a line for each.
//
// usage: bench_cadence [SECONDS PER ROW, default 20]
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <stdexcept>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/pair_lab.h"
#include "tests/support/programs.h"
#include "tests/support/wait.h"
#include "tests/support/wire_tap.h"

namespace hapair::test {
namespace {

const IpAddress kLb1 = IpAddress::parse("10.0.0.1").value();
constexpr uint8_t kVrid = 51;

void print_row(const std::string& name, std::vector<Duration> gaps) {
  if (gaps.size() < 100) {
    fmt::print("{:<34} only {} advertisements were heard\n", name, gaps.size());
    return;
  }
  std::ranges::sort(gaps);
  const auto at = [&](double share) {
    const auto index = static_cast<size_t>(share * static_cast<double>(gaps.size() - 1));
    return std::chrono::duration<double, std::milli>(gaps[index]).count();
  };
  fmt::print("{:<34} {:>7} {:>9.3f} {:>9.3f} {:>9.3f} {:>9.3f}\n", name, gaps.size(), at(0.5),
             at(0.99), at(0.999), at(1));
  std::fflush(stdout);
}

/// One thread per processor that does nothing but turn.
class Burners {
 public:
  Burners() {
    for (unsigned i = 0; i < std::max(1U, std::thread::hardware_concurrency()); ++i) {
      threads_.emplace_back([](const std::stop_token& stop) {
        volatile uint64_t turns = 0;
        while (!stop.stop_requested()) turns = turns + 1;
      });
    }
  }

 private:
  std::vector<std::jthread> threads_;
};

/// vrrpd whose standard error is a pipe that is full and that nobody reads.
class Deaf {
 public:
  Deaf(PairLab& lab, const std::string& run_dir) {
    std::array<int, 2> pipe{};
    if (::pipe(pipe.data()) != 0) throw std::runtime_error("pipe");
    ::fcntl(pipe[1], F_SETFL, O_NONBLOCK);
    const std::string filling(4096, '.');
    while (::write(pipe[1], filling.data(), filling.size()) > 0) {
    }
    ::fcntl(pipe[1], F_SETFL, 0);
    const std::string config = lab.config_path();
    const std::string program = programs::vrrpd();
    const std::string state = run_dir + ".state";
    const int inside = lab.node("lb1").inside.fd();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::setns(inside, CLONE_NEWNET);
      ::dup2(pipe[1], STDERR_FILENO);
      ::execl(program.c_str(), program.c_str(), "--config", config.c_str(), "--node", "lb1",
              "--run-dir", run_dir.c_str(), "--state-dir", state.c_str(), nullptr);
      ::_exit(127);
    }
    read_ = pipe[0];
    ::close(pipe[1]);
  }
  ~Deaf() {
    for (const pid_t child : Process::children_of(pid_)) ::kill(child, SIGKILL);
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    ::close(read_);
  }
  Deaf(const Deaf&) = delete;
  Deaf& operator=(const Deaf&) = delete;
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
  int read_ = -1;
};

PairLab::Options options() {
  return {.advert_interval = 10ms,
          .servers = 0,
          .boot_hold = 0ms,
          .with_lbcore = false,
          .with_servers = false};
}

void wait_for_vip(PairLab& lab) {
  const auto active = lab.wait_active("lb1", 10s);
  if (!active) throw std::runtime_error(active.message());
}

/// Measures while `meanwhile` is called again and again.
void measure(const std::string& name, PairLab& lab, Duration lasts,
             const std::function<void()>& meanwhile) {
  const WireTap tap(lab.observer(), "eth0");
  const TimePoint begin = Clock::now();
  while (Clock::now() < begin + lasts) meanwhile();
  print_row(name, tap.gaps(kLb1, kVrid, begin));
}

void pause() {
  std::this_thread::sleep_for(10ms);
}

void run(Duration lasts) {
  fmt::print("{:<34} {:>7} {:>9} {:>9} {:>9} {:>9}\n", "gap between advertisements, ms", "n", "p50",
             "p99", "p99.9", "max");
  {
    PairLab lab(options());
    lab.start_vrrpd("lb1");
    wait_for_vip(lab);
    measure("idle", lab, lasts, pause);
    {
      const Burners burners;
      measure("every processor busy", lab, lasts, pause);
    }
    measure("pairadm status in a loop", lab, lasts, [&] { (void)lab.pairadm("lb1", {"status"}); });
    {
      const Burners burners;
      measure("busy, and pairadm status in a loop", lab, lasts,
              [&] { (void)lab.pairadm("lb1", {"status"}); });
    }
  }
  {
    PairLab lab(options());
    const Deaf vrrpd(lab, lab.node("lb1").run_dir);
    wait_for_vip(lab);
    // Something to write all the time.
    measure("stalled log, reloads in a loop", lab, lasts, [&] {
      ::kill(vrrpd.pid(), SIGHUP);
      pause();
    });
  }
}

}  // namespace
}  // namespace hapair::test

int main(int argc, char** argv) {
  try {
    const int seconds = argc > 1 ? std::atoi(argv[1]) : 20;
    hapair::test::run(std::chrono::seconds(std::max(1, seconds)));
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "bench_cadence: " << error.what() << "\n";
    return 1;
  }
}
