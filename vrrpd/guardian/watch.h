// The guardian's judgement: when a speaker is started, killed, replaced or given up; when the lease
// of its VIPs is renewed and when they are taken away.
//
// Pure: step(event, view, now) returns the ordered actions that the shell (`guardian`) executes;
// the simulator runs the same code. The rules:
//   - a speaker that dies while it holds VIPs is replaced at once, and its VIPs stay: the next one
//     takes over where it stopped. If that one is not in place within two advertisement intervals,
//     or dies as quickly as it came, the VIPs are buried: taken away, and resigned for
//   - a speaker that stands still for as long as a peer would wait is killed, then the same
//   - it is not judged by a guardian that slept itself
//   - the kernel's lease of the VIPs is renewed only while the speaker lives and moves
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/clock.h"

namespace hapair::vrrp {

inline constexpr Duration kLeaseRenewal = 500ms;  // a quarter of the lease

/// What the memory that a speaker shares says now.
struct View {
  TimePoint alive;        // its loop's last turn
  bool in_place = false;  // the speaker started last has taken over what was left
  Duration fastest{0};    // interval of the fastest router that is Active or holds VIPs; 0: none
};

struct Begin {};
struct SpawnFailed {};
struct SpeakerDied {};        // it can do nothing more, although its threads may still be going
struct SpeakerGone {          // nothing is left of a speaker that died
  bool cannot_start = false;  // it said that the machine refused something essential
};
struct StopAsked {};
struct TimePassed {};
using WatchEvent =
    std::variant<Begin, SpawnFailed, SpeakerDied, SpeakerGone, StopAsked, TimePassed>;

enum class Verb : uint8_t {
  spawn,      // start a speaker; it takes over what the shared memory holds
  terminate,  // ask the speaker to release everything and to leave
  kill,
  bury,   // take away every VIP in the shared memory, resign for each Active router, forget them
  renew,  // the lease of the VIPs
  exit
};
struct WatchAction {
  Verb verb = Verb::spawn;
  std::string why = {};  // for the log; may be empty
  int code = 0;          // of exit
  friend bool operator==(const WatchAction&, const WatchAction&) = default;
};
using WatchActions = std::vector<WatchAction>;

class Watch {
 public:
  [[nodiscard]] WatchActions step(const WatchEvent& event, const View& view, TimePoint now);

  /// When to come back with TimePassed at the latest.
  [[nodiscard]] std::optional<TimePoint> deadline() const { return deadline_; }

  /// How long a speaker may stand still: as long as a peer waits for the fastest Active.
  static Duration patience(Duration fastest);
  /// How long the VIPs stay although nobody serves them yet.
  static Duration vigil(Duration fastest);

 private:
  enum class Speaker : uint8_t { none, alive, killed };

  void on(const Begin&);
  void on(const SpawnFailed&);
  void on(const SpeakerDied&);
  void on(const SpeakerGone& event);
  void on(const StopAsked&);
  void on(const TimePassed&);

  void spawn(std::string why);
  void kill(std::string why);
  void bury(std::string why);
  void pause_then_spawn(std::string why);
  void look();
  void find_deadline();
  void act(Verb verb, std::string why = {}) { actions_.push_back({verb, std::move(why), 0}); }
  void leave(int code) { actions_.push_back({Verb::exit, {}, code}); }
  [[nodiscard]] bool holding() const { return view_.fastest > Duration::zero(); }
  [[nodiscard]] TimePoint stalled_at() const;

  Speaker speaker_ = Speaker::none;
  bool took_over_ = false;  // the speaker was started for VIPs that one before it left
  bool doomed_ = false;     // what it leaves is to be buried
  bool stopping_ = false;
  bool ever_in_place_ = false;
  TimePoint spawned_at_;
  Duration judged_by_{0};
  TimePoint fresh_from_;  // it is not blamed for standing still before
  int quick_deaths_ = 0;

  std::optional<TimePoint> spawn_at_;
  std::optional<TimePoint> bury_at_;  // unless a speaker is in place by then
  std::optional<TimePoint> kill_at_;  // it was asked to leave
  std::optional<TimePoint> renew_at_;
  std::optional<TimePoint> deadline_;

  // Of the step that runs.
  View view_;
  TimePoint now_;
  WatchActions actions_;
};

}  // namespace hapair::vrrp
