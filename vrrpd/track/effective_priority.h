// What the things that a router tracks make of it: interfaces and scripts, each with a weight as
// keepalived's operators know it. Pure; `instance` feeds it and turns its answers into events.
//
//   weight 0    bad: a fault, the router leaves the election
//   weight < 0  bad: so much off the priority
//   weight > 0  good: so much on top of it
//
// The effective priority stays within 1 .. 254; that of an owner (255) is never touched. A thing
// that has no verdict yet changes nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace hapair::vrrp {

class Tracked {
 public:
  struct Thing {
    int weight = 0;
    std::optional<bool> good = {};  // nothing: no verdict yet
    std::string reason;             // "exited with 1", "no carrier"; what to tell when bad
  };

  /// `name` as people see it: "track nginx", "interface eth1".
  void set(const std::string& name, Thing thing) { things_[name] = std::move(thing); }
  void keep_only(const std::function<bool(const std::string& name)>& wanted) {
    std::erase_if(things_, [&](const auto& item) { return !wanted(item.first); });
  }

  /// Why the router must leave: every bad thing of weight 0, or "".
  [[nodiscard]] std::string fault() const;
  [[nodiscard]] uint8_t priority(uint8_t configured) const;
  /// How it came about: "150 - 60 (track nginx: exited with 1)"; "" when nothing changes it.
  [[nodiscard]] std::string why(uint8_t configured) const;

  [[nodiscard]] const std::map<std::string, Thing>& things() const { return things_; }

 private:
  std::map<std::string, Thing> things_;
};

}  // namespace hapair::vrrp
