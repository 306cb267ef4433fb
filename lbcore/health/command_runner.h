// lbcore's side of its helper for commands (command_helper.h): starts it when the first command is
// wanted, hands commands over, brings their ends back, starts it again when it died. lbcore has
// threads and never forks: the helper is lbcore's own program, spawned anew. Main loop only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include <ev++.h>

#include "common/event_loop.h"
#include "common/result.h"
#include "common/unique_fd.h"
#include "lbcore/health/command_message.h"
#include "lbcore/health/command_slots.h"

namespace hapair::lbcore::health {

class CommandRunner {
 public:
  static constexpr size_t kMostAtOnce = 32;
  /// Null: the helper died before the command's end.
  using Done = std::function<void(const CommandEnd* end)>;

  /// `program`: what is run as the helper; nothing: the one that calls.
  explicit CommandRunner(EventLoop& loop, const std::string& program = "");
  ~CommandRunner();  // ends the helper, and with it all commands
  CommandRunner(const CommandRunner&) = delete;
  CommandRunner& operator=(const CommandRunner&) = delete;

  /// The number that cancel() takes; the error says why there is no helper. `done` is called later,
  /// once; it may call run() and cancel(). The order's id is set here.
  Result<uint32_t> run(CommandOrder order, Done done);
  /// False: it still waits, for as many run as may.
  [[nodiscard]] bool started(uint32_t id) const { return slots_.runs(id); }
  /// Its end is of no interest any more; it is killed. Nothing happens when it has ended.
  void cancel(uint32_t id);
  /// 0: none runs.
  [[nodiscard]] pid_t helper() const { return helper_; }

 private:
  struct Command {
    CommandOrder order;
    Done done;  // null: cancelled
  };
  Status start_helper();
  void send(const CommandOrder& order);
  void on_readable(ev::io& watcher, int events);
  void take(const CommandEnd& end);
  void on_helper_death();
  void reap_helper();

  const std::string program_;
  UniqueFd fd_;
  pid_t helper_ = 0;
  uint32_t last_id_ = 0;
  CommandSlots slots_{kMostAtOnce};
  std::map<uint32_t, Command> commands_;
  ev::io watcher_;
};

}  // namespace hapair::lbcore::health
