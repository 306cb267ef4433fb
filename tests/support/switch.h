// An Ethernet switch: a bridge in a namespace of its own, with a port for every interface that is
// plugged in.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/namespace.h"

namespace hapair::test {

class Switch {
 public:
  explicit Switch(std::string name);

  /// Creates `interface` in `to`, plugged into this switch, up, with `address` ("10.0.0.1/24";
  /// empty: none).
  void connect(const Namespace& to, std::string_view interface, std::string_view address);

  /// Pulls the cable: the interface loses its carrier, or gets it back.
  void set_cable(const Namespace& of, std::string_view interface, bool plugged);
  /// The switch forgets the port: the node is unreachable and does not notice (carrier stays), or
  /// is back.
  void set_forwarding(const Namespace& of, std::string_view interface, bool on);

  /// The switch's side of a cable; use with Loss, tcpdump, ...
  [[nodiscard]] std::string port(const Namespace& of, std::string_view interface) const;
  [[nodiscard]] const Namespace& inside() const { return inside_; }

 private:
  Namespace inside_;
  std::vector<std::pair<std::string, std::string>> ports_;  // "node/interface" -> port
};

}  // namespace hapair::test
