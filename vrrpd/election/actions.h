// What a virtual router's state machine asks of the shell, to be executed in the order given.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/clock.h"

namespace hapair::vrrp {

struct SendAdvertisement {
  uint8_t priority = 0;
  /// A resign that goes to whoever is Active already: nobody shall take over because of it.
  bool to_winner = false;
  friend bool operator==(const SendAdvertisement&, const SendAdvertisement&) = default;
};
struct AddAddresses {
  friend bool operator==(const AddAddresses&, const AddAddresses&) = default;
};
struct RemoveAddresses {
  friend bool operator==(const RemoveAddresses&, const RemoveAddresses&) = default;
};
struct Announce {
  friend bool operator==(const Announce&, const Announce&) = default;
};
struct ArmDeadline {
  TimePoint at;
  friend bool operator==(const ArmDeadline&, const ArmDeadline&) = default;
};
struct DisarmDeadline {
  friend bool operator==(const DisarmDeadline&, const DisarmDeadline&) = default;
};
/// The verdict of the witness is wanted soon.
struct AskWitness {
  friend bool operator==(const AskWitness&, const AskWitness&) = default;
};

enum class Role : uint8_t { initialize, backup, active };
std::string_view name(Role role);  // "Initialize", "Backup", "Active"

/// The role changed, or (from == to) the reason why it is what it is.
struct Notify {
  Role from = Role::initialize;
  Role to = Role::initialize;
  std::string reason;
  friend bool operator==(const Notify&, const Notify&) = default;
};

using Action = std::variant<SendAdvertisement, AddAddresses, RemoveAddresses, Announce, ArmDeadline,
                            DisarmDeadline, AskWitness, Notify>;
using Actions = std::vector<Action>;

}  // namespace hapair::vrrp
