// The groups of this node: asks `Group` what a change of one router means for the others, and hands
// them its events. Owned by `speaker`.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/event_loop.h"
#include "vrrpd/election/group.h"
#include "vrrpd/speaker/instance.h"

namespace hapair::vrrp {

class Groups {
 public:
  using Instances = std::map<std::string, std::unique_ptr<Instance>>;
  Groups(EventLoop& loop, const Instances& instances) : loop_(loop), instances_(instances) {}

  /// Before `router` acts on its deadline: why it may not take over; empty: it may.
  [[nodiscard]] std::string holds(const std::string& router);
  /// `router` has another role than `from`, or another reason.
  void moved(const std::string& router, Role from);
  /// Who belongs to which group may have changed.
  void settle();
  /// Every now and then.
  void reunite();

 private:
  struct View {
    std::vector<Instance*> routers;
    std::vector<Group::Member> members;
    [[nodiscard]] size_t index_of(const std::string& router) const;
  };
  [[nodiscard]] View view(const std::string& group) const;
  [[nodiscard]] std::string group_of(const std::string& router) const;
  static void hand_out(const View& view, const Group::Orders& orders);

  EventLoop& loop_;
  const Instances& instances_;
  bool settling_ = false;
  bool again_ = false;
};

}  // namespace hapair::vrrp
