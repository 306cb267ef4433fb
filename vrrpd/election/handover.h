// vrrpd's part in a handover without loss: what the routers do at lbcore's word, and what lbcore is
// told. lbcore leads; lbcore/handover/order.h has the whole sequence between the four daemons.
//
//   giving   preparing --RELEASE: VIPs away--> released --TAKEN, or the new Active is heard--> over
//            preparing --PLAIN--> the routers resign, and no connection moves
//            any --TAKE_BACK, or a deadline: VIPs back--> over
//   taking   asked --ADOPT: VIPs here, nobody is told--> adopting --TAKE: Active--> over
//            any --STOP, lbcore gone, or a deadline: VIPs away, nobody is told--> over
//
// The routers of a handover go through it together. Words are states, said again and again until
// the other side's is the last one: a word that comes twice, or to a speaker that began after it,
// is understood. The deadlines here are the last resort, longer than lbcore's; those of the taking
// node are shorter than those of the giving one. Pure; `speaker` executes the orders.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/clock.h"
#include "common/schema/role.pb.h"
#include "vrrpd/election/events.h"

namespace hapair::vrrp {

class Handover {
 public:
  /// A router of this node as it is now.
  struct Router {
    std::string name;
    Role role = Role::initialize;
    bool away = false;
    bool adopting = false;
    bool adopted = false;      // and all of its VIPs are here
    std::string trouble = {};  // why it could not take over
    std::vector<std::string> addresses = {};
  };
  using Routers = std::vector<Router>;
  struct Order {
    std::string router;
    Event event;
  };
  using Orders = std::vector<Order>;

  /// What people are told of the last one.
  struct Report {
    uint64_t number = 0;
    std::vector<std::string> routers = {};
    bool to_peer = false;
    std::string step = {};
    bool finished = false;
    bool failed = false;
    std::string reason = {};
    role::Moved moved = {};
    TimePoint began = {};
    TimePoint ended = {};
  };

  static constexpr Duration kPrepareMost = 5s;    // for lbcore to say something
  static constexpr Duration kAwayMost = 4s;       // longer than anything that lbcore waits for
  static constexpr Duration kAdoptMost = 1900ms;  // from being asked: lbcore gives up before that
  static constexpr Duration kReportMost = 2s;     // for lbcore's last word

  /// Gives `which`, all of them Active. Only while none is under way.
  Orders begin(uint64_t number, const Routers& which, std::string reason, TimePoint now);
  /// lbcore's word; null: it has none, or is gone.
  Orders heard(const role::Handover* word, const Routers& all, TimePoint now);
  Orders lbcore_gone(const Routers& all, TimePoint now);
  /// After every change of a router.
  Orders changed(const Routers& all, TimePoint now);
  Orders expired(const Routers& all, TimePoint now);

  [[nodiscard]] bool under_way() const { return phase_ != Phase::none; }
  [[nodiscard]] bool includes(const std::string& router) const;
  [[nodiscard]] std::optional<TimePoint> deadline() const;
  /// For lbcore; of step NONE when there is nothing to say.
  [[nodiscard]] const role::Handover& word() const { return word_; }
  [[nodiscard]] const std::optional<Report>& report() const { return report_; }

 private:
  enum class Phase : uint8_t { none, preparing, released, given, asked, adopting, taking };

  Orders heard_giving(const role::Handover& word, const Routers& all, TimePoint now);
  Orders heard_taking(const role::Handover& word, const Routers& all, TimePoint now);
  Orders heard_idle(const role::Handover& word, const Routers& all, TimePoint now);
  Orders asked(const role::Handover& word, const Routers& all, TimePoint now);
  Orders settle_giving(const Routers& all, TimePoint now);
  Orders settle_taking(const Routers& all, TimePoint now);
  Orders take_back(const Routers& all, const std::string& reason, TimePoint now);
  Orders drop(const Routers& all, const std::string& reason, TimePoint now);
  [[nodiscard]] Orders to_all(const Event& event) const;
  [[nodiscard]] Routers of(const Routers& all) const;
  void say(role::Handover::Step step, const std::string& reason = {});
  void enter(Phase phase, std::string step, Duration most, TimePoint now);
  void finish(bool failed, std::string step, std::string reason, TimePoint now);

  Phase phase_ = Phase::none;
  std::vector<std::string> routers_;
  std::string reason_;  // why the role is handed over
  TimePoint deadline_;
  TimePoint released_;
  TimePoint asked_;
  role::Handover word_;
  std::optional<Report> report_;
};

}  // namespace hapair::vrrp
