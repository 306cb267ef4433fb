// What can happen to a virtual router: the events that the shell hands to its state machine, and
// the parameters it is configured with.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "common/address.h"
#include "common/clock.h"
#include "vrrpd/election/actions.h"

namespace hapair::vrrp {

struct Parameters {
  uint8_t version = 3;  // of VRRP: what Skew_Time is a share of
  uint8_t priority = 100;
  Duration interval = 1s;        // Advertisement_Interval
  bool preempt = false;          // Preempt_Mode; the owner (255) always preempts
  Duration preempt_delay{0};     // how long it leaves the role to a worse Active before it preempts
  Duration boot_hold{0};         // silence to observe after carrier before taking part
  Duration sync_wait{0};         // how long preemption waits for the tables
  Duration announce_refresh{0};  // the Active announces again this often; 0: only with a reason
  bool witness = false;          // one is configured: no promotion by silence without its answer
  IpAddress own_address;         // primary address of the interface: breaks ties

  friend bool operator==(const Parameters&, const Parameters&) = default;
};

/// What was heard last of somebody else.
struct LastHeard {
  IpAddress sender;
  uint8_t priority = 0;
  TimePoint at;
};

struct Startup {};
/// Instead of Startup: an earlier speaker of this node died, and this is what it was. Not a change
/// of state; nobody need notice.
struct Resumed {
  bool active = false;  // else Backup
  std::string reason;
  TimePoint since;
  TimePoint last_sent = {};                  // of an Active
  Duration active_interval{0};               // of a Backup
  bool handed_over = false;                  // see Fsm::handed_over()
  std::optional<TimePoint> away_until = {};  // see Active::away_until
  std::optional<LastHeard> last_heard = {};
};
struct Shutdown {
  std::string reason;
};
struct Heard {  // a valid advertisement of this router from somebody else
  IpAddress sender;
  uint8_t priority = 0;
  Duration interval{0};
};
struct DeadlinePassed {};
struct LinkUp {};
struct LinkDown {
  std::string reason;  // "eth0 has no carrier"
};
struct ServingRegained {};
struct ServingLost {
  std::string reason;  // "lbcore is not serving: it is not running"
};
struct SyncChanged {
  bool in_sync = false;
};
/// What keeps a router out besides its link and lbcore.
enum class Fault : uint8_t {
  demoted,  // by an operator
  tracked,  // an interface or a script that it tracks failed
  group     // another router of its group is in trouble
};
inline constexpr size_t kFaults = 3;
struct FaultChanged {
  Fault fault = Fault::tracked;
  std::string reason;  // "track nginx: exited with 1"; empty: it is over
};
struct HandOver {  // an operator wants the other node to be Active
  std::string reason;
};
struct TakeBack {};  // an operator allows preemption again after a handover
// The routers of a group move together: what `Group` says to the others.
struct GroupHolds {  // why this one may not take over alone; empty: it may
  std::string reason;
};
struct GroupTakesOver {
  std::string reason;
};
struct GroupYields {
  std::string reason;
};
struct AddressLost {};  // somebody removed a VIP that we hold
struct ActionFailed {
  std::string reason;
};

// --- The pair path and the witness ---
/// What the peer says of this router on the pair path, as the receiver knows it.
struct PairWord {
  std::string node;
  Role role = Role::initialize;
  uint8_t priority = 0;
  Duration interval{0};
  IpAddress address;                               // its primary one
  bool hears_us = false;                           // our advertisements reach it on the LAN
  std::optional<TimePoint> witness_answered = {};  // its witness, at the earliest then
  TimePoint proven;                                // it was said after this
};
struct PairSilent {};  // nothing is heard of the peer on the pair path any more
struct PeerResigned {  // on the pair path: it was Active, and its VIPs are gone
  std::string node;
};
struct WitnessAnswered {};
struct WitnessFailed {
  std::string reason;  // "the witness 10.0.0.254 does not answer"
  TimePoint since;     // its first probe without an answer
  TimePoint asked;     // its last probe that had the time to be answered
};

// --- A handover without loss (fsm_handover.cc): lbcore moves the connections meanwhile ---
struct Release {  // the Active: takes its VIPs away, and goes on advertising
  TimePoint until;
};
struct Reclaim {  // it puts them back
  std::string reason;
};
struct Given {  // the other node is Active
  std::string reason;
};
struct Adopt {  // the Backup: holds the VIPs and tells nobody
  TimePoint until;
};
struct Unadopt {  // it takes them away again, and tells nobody
  std::string reason;
};
struct TakeRole {  // it is Active now
  std::string reason;
};

struct Reconfigured {
  Parameters parameters;
};

using Event =
    std::variant<Startup, Resumed, Shutdown, Heard, DeadlinePassed, LinkUp, LinkDown,
                 ServingRegained, ServingLost, SyncChanged, FaultChanged, HandOver, TakeBack,
                 GroupHolds, GroupTakesOver, GroupYields, AddressLost, ActionFailed, PairWord,
                 PairSilent, PeerResigned, WitnessAnswered, WitnessFailed, Release, Reclaim, Given,
                 Adopt, Unadopt, TakeRole, Reconfigured>;

}  // namespace hapair::vrrp
