// Turns single results of a check into a verdict. Pure.
//
// What is checked starts down and undecided, and its first result decides at once: a node that just
// started must neither send clients to a dead server (or take part with a failing script) nor wait
// for `rise` results before it can serve at all. From then on it takes `fall` failures in a row to
// go down and `rise` successes in a row to come up.
#pragma once

#include <cstdint>

namespace hapair {

class RiseFall {
 public:
  RiseFall(uint32_t rise, uint32_t fall) : rise_(rise), fall_(fall) {}

  /// Takes one result; true when the server went up or down by it.
  bool result(bool passed);

  /// Other thresholds from the next result on; the verdict stays.
  void set_thresholds(uint32_t rise, uint32_t fall);
  /// The verdict without a result (`check = none`).
  void decide(bool up);

  [[nodiscard]] bool up() const { return up_; }
  [[nodiscard]] bool decided() const { return decided_; }
  /// Results in a row that speak against the verdict, and how many of them would change it.
  [[nodiscard]] uint32_t against() const { return against_; }
  [[nodiscard]] uint32_t threshold() const { return up_ ? fall_ : rise_; }

 private:
  uint32_t rise_;
  uint32_t fall_;
  uint32_t against_ = 0;
  bool up_ = false;
  bool decided_ = false;
};

}  // namespace hapair
