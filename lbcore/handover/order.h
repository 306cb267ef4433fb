// The order of steps of a handover without loss, as the lbcore of either node goes through it. This
// is the file that holds it (DESIGN flow e).
//
//   giving node                                              taking node
//   vrrpd       lbcore                                       lbcore            vrrpd
//   PREPARE --> Offer -------------------------------------> ASK ------------>
//                     <------------------------------------- Accept <--------- READY
//               new connections are kept off (quiesce)
//           <-- RELEASE
//   RELEASED -> (the VIPs are gone; vrrpd advertises still)
//               freeze: sockets into repair mode, and read
//               Images, AllSent ---------------------------> ADOPT ----------> VIPs, unannounced
//                                                            restore, silent
//                     <------------------------------------- Restored <------- ADOPTED
//               Go ----------------------------------------> TAKE -----------> Active, announced
//                                                            revive <--------- ACTIVE
//           <-- TAKEN <------------------------------------- Taken
//   GIVEN       discard what is frozen
//
// Go is the point of no return for the connections. Before it, whatever goes wrong on either side
// ends with the taking node dropping all it has and the giving one taking everything back: VIPs
// first (TAKE_BACK, HELD), then the connections (thaw). After it, the frozen sockets are kept until
// the peer says that they live there; should the role come back before, they live on here.
//
// Deadlines: the taking node gives up kTakeMost after it heard the offer, the giving one kGiveMost
// after it heard the acceptance, which is later. A peer that cannot do it, or refuses, is no
// failure: vrrpd is told to hand over as it always could (PLAIN), and the connections are cut. One
// that does not answer is.
//
// Pure; `handover` executes the actions, in order.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/clock.h"
#include "common/schema/role.pb.h"
#include "lbcore/replicate/replication.pb.h"

namespace hapair::lbcore::handover {

namespace wire = replicate::wire;
using ByReason = std::map<std::string, uint64_t>;

// What is to be done.
struct Tell {};  // vrrpd, where we are: word()
struct SendFrame {
  wire::Handover frame;
};
struct SendImages {  // what freeze brought, then AllSent
  uint64_t number = 0;
};
struct Quiesce {};
struct Resume {};
struct Freeze {
  std::vector<std::string> addresses;  // the VIPs that leave
};
struct Thaw {};
struct DiscardFrozen {};
struct Restore {};  // what the peer has sent
struct Revive {};
struct DiscardRestored {};  // and what the peer has sent
/// It is over, for the log and the counters.
struct Ended {
  bool gave = false;  // else took
  bool failed = false;
  std::string reason;
  role::Moved moved;
};
using Action = std::variant<Tell, SendFrame, SendImages, Quiesce, Resume, Freeze, Thaw,
                            DiscardFrozen, Restore, Revive, DiscardRestored, Ended>;
using Actions = std::vector<Action>;

/// vrrpd's word.
struct Node {
  bool connected = false;
  bool hands_over = false;        // it knows handovers
  std::set<std::string> holding;  // routers that are Active with their VIPs
  role::Handover handover = {};   // step NONE: it says nothing of one
};

class Order {
 public:
  static constexpr Duration kOfferMost = 1s;     // for the peer's answer
  static constexpr Duration kGiveMost = 2s;      // from its acceptance to Restored
  static constexpr Duration kTakeMost = 1500ms;  // from the offer to Go
  // From vrrpd's readiness: longer than it holds the VIPs for somebody else, so that it cannot
  // become Active any more when it is given up.
  static constexpr Duration kTakeRoleMost = 2s;
  static constexpr Duration kGoMost = 500ms;  // beyond kGiveMost, until the new Active is known
  static constexpr Duration kKeepMost = 4s;   // frozen, without a word of where they live
  static constexpr size_t kMostRouters = 32;
  static constexpr size_t kMostAddresses = 4096;

  // Events. `now` never goes back.
  Actions vrrpd_says(const Node& node, TimePoint now);
  Actions peer_up(TimePoint now);
  Actions peer_down(TimePoint now);
  /// One frame of the peer's; not an Images, of which only the first one matters: first_images().
  Actions frame(const wire::Handover& frame, TimePoint now);
  Actions quiesced(TimePoint now);
  struct Frozen {
    uint64_t moving = 0;
    uint64_t drained = 0;  // ended since quiesce
    ByReason left;
  };
  Actions frozen(const Frozen& what, TimePoint now);
  Actions restored(uint64_t connections, const ByReason& failed, TimePoint now);
  /// At deadline() or later.
  Actions expired(TimePoint now);
  /// Something that cannot be undone otherwise: what is under way ends.
  Actions abandon(const std::string& reason, TimePoint now);

  [[nodiscard]] std::optional<TimePoint> deadline() const;
  [[nodiscard]] bool idle() const { return phase_ == Phase::idle; }
  /// Whether images of this number are welcome.
  [[nodiscard]] bool collects(uint64_t number) const;
  /// For vrrpd; step NONE: nothing to say.
  [[nodiscard]] const role::Handover& word() const { return word_; }
  /// For people: "freezing"; empty while idle.
  [[nodiscard]] std::string step() const;

 private:
  enum class Phase : uint8_t {
    idle,
    // giving
    offering,
    quiescing,
    releasing,
    freezing,
    sending,
    going,
    keeping,  // vrrpd is Backup; the peer has not said that the connections live there
    taking_back,
    // taking
    asking,
    collecting,
    restoring,
    ready,
    taking,
  };

  void forget_word_if_understood();
  void on_prepare(const role::Handover& word);
  void on_offer(const wire::Handover& frame);
  void on_giver_frame(const wire::Handover& frame);
  void on_taker_frame(const wire::Handover& frame);
  void vrrpd_in_giving(const Node& node);
  void vrrpd_in_taking(const Node& node);
  void plain(const std::string& reason);
  void take_back(const std::string& reason);
  void have_back();
  void taken();
  void give_up_frozen();
  void fail_taking(const std::string& reason);
  void adopt();
  void ready_if_all_is_here();
  void revive();

  [[nodiscard]] bool giving() const { return phase_ >= Phase::offering && phase_ < Phase::asking; }
  [[nodiscard]] bool taking_side() const { return phase_ >= Phase::asking; }
  [[nodiscard]] bool holds_all(const Node& node) const;
  void enter(Phase phase, TimePoint until);
  void say(role::Handover::Step step, const std::string& reason = {});
  wire::Handover frame() const;
  void send(wire::Handover frame);
  void end(bool failed, const std::string& reason);
  template <typename Event>
  Actions step(TimePoint now, Event event) {
    now_ = now;
    event();
    return std::exchange(actions_, {});
  }

  Phase phase_ = Phase::idle;
  TimePoint until_;
  uint64_t number_ = 0;
  std::vector<std::string> routers_;
  std::vector<std::string> addresses_;
  role::Handover word_;
  role::Moved moved_;
  bool peer_ = false;  // it is there, and knows handovers
  Node node_;

  // Giving
  TimePoint give_until_;
  TimePoint began_;  // the phase whose duration is measured
  TimePoint released_;
  bool quiet_ = false;        // listeners are, or are about to be
  bool freeze_runs_ = false;  // its end is to come
  bool have_frozen_ = false;  // sockets are
  bool back_ = false;         // vrrpd has the VIPs again
  std::string reason_;        // why it is taken back

  // Taking
  TimePoint take_until_;
  TimePoint take_role_until_;
  bool all_sent_ = false;
  bool restore_runs_ = false;
  bool dropped_ = false;  // while it runs: what it restores goes at once
  uint64_t restored_ = 0;
  ByReason failed_;

  // Of the step that runs.
  TimePoint now_;
  Actions actions_;
};

}  // namespace hapair::lbcore::handover
