// The peer's configuration file becomes ours (`pairadm push-config` there): checked by both daemons
// of this node, under this node's name, put in the place of the old one, which stays beside it, and
// taken by both as on SIGHUP. Whatever fails before that changes nothing. Main thread; one at a
// time. Owned by Daemon.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/event_loop.h"
#include "common/frame_stream.h"
#include "common/log.h"
#include "common/result.h"
#include "common/schema/control.pb.h"

namespace hapair::lbcore {

class ConfigPush {
 public:
  static constexpr size_t kMostBytes = size_t{256} << 10;

  struct Place {
    std::string config;   // our configuration file
    std::string node;     // our name in it
    std::string run_dir;  // where vrrpd's socket is
    std::function<Status()> reload;
  };
  using Done = std::function<void(control::Reply reply)>;

  ConfigPush(EventLoop& loop, Logger& log, Place place);
  ConfigPush(const ConfigPush&) = delete;
  ConfigPush& operator=(const ConfigPush&) = delete;

  /// `done` once, now or later.
  void take(const control::PushConfig& push, Done done);

 private:
  using Answered = std::function<void(Result<control::Reply> reply)>;

  [[nodiscard]] Status write_new(const std::string& text);
  void ask_vrrpd(const control::Request& request, Answered answered);
  void answered(Result<control::Reply> reply);
  void activate();
  [[nodiscard]] Status swap_files();
  void reply(control::Reply reply);
  void refuse(control::Code code, std::string why);

  EventLoop& loop_;
  Logger& log_;
  Place place_;

  // Of the push that is under way; done_ is empty when there is none.
  Done done_;
  std::string from_;
  std::string config_;  // the file itself, should place_.config be a link to it
  control::Reply reply_;
  std::unique_ptr<FrameStream> vrrpd_;
  Answered on_answer_;
  Ticker patience_;
  TimePoint give_up_at_{};
};

}  // namespace hapair::lbcore
