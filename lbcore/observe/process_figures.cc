#include "lbcore/observe/process_figures.h"

#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <sstream>
#include <string>

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

namespace hapair::lbcore::observe {

namespace {

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

/// Field 22 of /proc/self/stat, in ticks since boot.
double started_after_boot() {
  std::ifstream file("/proc/self/stat");
  std::string text;
  std::getline(file, text);
  // The name in parentheses may hold anything.
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(text.substr(name_end + 1));
  std::string skipped;
  for (int field = 3; field < 22; ++field) fields >> skipped;
  double ticks = 0;
  fields >> ticks;
  return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

double booted_at() {
  timespec since_boot{};
  ::clock_gettime(CLOCK_BOOTTIME, &since_boot);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count() - static_cast<double>(since_boot.tv_sec) -
         static_cast<double>(since_boot.tv_nsec) / 1e9;
}

}  // namespace

ProcessFigures process_figures() {
  ProcessFigures out;
  std::ifstream statm("/proc/self/statm");
  statm >> out.virtual_bytes >> out.resident_bytes;
  const auto page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  out.virtual_bytes *= page;
  out.resident_bytes *= page;
  // Counting the entries of a full table would take milliseconds; Linux 6.2 tells their number.
  struct stat folder {};
  if (::stat("/proc/self/fd", &folder) == 0) {
    out.open_descriptors = static_cast<uint64_t>(folder.st_size);
  }
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) out.most_descriptors = limit.rlim_cur;
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) == 0) {
    out.cpu_seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  }
  static const double started = booted_at() + started_after_boot();
  out.start_unix_seconds = started;
  return out;
}

}  // namespace hapair::lbcore::observe
