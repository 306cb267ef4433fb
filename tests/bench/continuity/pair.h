// Two nodes in front of three servers, as PairLab builds them, under what people run today
// (keepalived and HAProxy with peers) or under hapair, with a floating address on the servers' side
// as well.
#pragma once

#include <memory>
#include <string>

#include "tests/support/files.h"
#include "tests/support/pair_lab.h"
#include "tests/support/process.h"

namespace hapair::test::bench {

enum class Contender : uint8_t {
  haproxy,  // keepalived moves the VIP, HAProxy forwards; its peers know the stick table
  hapair,
};

class ContinuityPair {
 public:
  static constexpr const char* kSource = "10.0.1.100";  // on the servers' side

  /// lb1 is Active when it returns. Throws std::runtime_error when it does not become so.
  explicit ContinuityPair(Contender contender);

  [[nodiscard]] PairLab& lab() { return lab_; }
  /// Asks for the planned move of everything to the other node, and waits until it is there.
  void hand_over();
  /// As hand_over(), back to where it was.
  void hand_back();
  /// The pair may change again: nothing is wrong on either node.
  [[nodiscard]] ::testing::AssertionResult wait_well();
  /// Everything on the Active node dies at once, as if its power were cut.
  void crash();

 private:
  struct Peers {
    std::unique_ptr<Process> keepalived;
    std::unique_ptr<Process> haproxy;
  };
  [[nodiscard]] Peers& peers_of(const std::string& node);
  void start_peers(const std::string& node, int priority);
  void start_keepalived(const std::string& node);
  void move_to(const std::string& node);

  Contender contender_;
  TempDir dir_;
  PairLab lab_;
  Peers lb1_;
  Peers lb2_;
};

}  // namespace hapair::test::bench
