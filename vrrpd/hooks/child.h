// One running program of an operator's: a hook or a track script. Started in a session of its own
// with nothing of ours but a pipe for its output; after its time SIGTERM, then SIGKILL, for its
// whole process group. Used by `runner`.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <ev++.h>
#include <sys/types.h>

#include "common/event_loop.h"
#include "common/result.h"
#include "common/unique_fd.h"

namespace hapair::vrrp {

class Child {
 public:
  struct Launch {
    std::vector<std::string> argv;  // argv[0]: absolute path
    std::vector<std::string> environment;
    Duration timeout{0};
  };
  struct End {
    bool good = false;  // exited with 0, in time
    std::string how;    // "exited with 1", "took longer than 30s: killed"
  };
  using OnLine = std::function<void(std::string_view)>;  // of its output, cut and made printable
  using OnEnd = std::function<void(const End&)>;         // once; may destroy the child by defer()

  Child(EventLoop& loop, Launch launch, OnLine on_line, OnEnd on_end);
  ~Child();  // kills what still runs
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// Its time is over now.
  void end_early();

 private:
  Status start();
  void on_output(ev::io& watcher, int events);
  void on_exit(ev::io& watcher, int events);
  void on_timeout();
  void read_output();
  void take(std::string_view bytes);
  void flush_line();
  void signal_group(int number) const;
  void end(const End& how);

  EventLoop& loop_;
  Launch launch_;
  OnLine on_line_;
  OnEnd on_end_;
  pid_t pid_ = -1;
  UniqueFd pid_fd_;
  UniqueFd output_;
  std::string line_;
  bool cut_ = false;  // the rest of this line is dropped
  bool timed_out_ = false;
  Deadline deadline_;
  ev::io output_watcher_;
  ev::io exit_watcher_;
};

}  // namespace hapair::vrrp
