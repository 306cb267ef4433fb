#include "tests/support/switch.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

namespace hapair::test {

Switch::Switch(std::string name) : inside_(std::move(name)) {
  // Without spanning tree a port forwards as soon as it is plugged in; without snooping multicast
  // goes everywhere.
  inside_.ip_batch(
      "link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0\n"
      "link set br0 up\n");
}

void Switch::connect(const Namespace& to, std::string_view interface, std::string_view address) {
  const std::string port = fmt::format("port{}", ports_.size());
  inside_.ip_batch(
      fmt::format("link add {0} type veth peer name {1} netns {2}\n"
                  "link set {0} master br0\n"
                  "link set {0} up\n",
                  port, interface, to.path()));
  ports_.emplace_back(fmt::format("{}/{}", to.name(), interface), port);
  std::string lines;
  if (!address.empty()) lines = fmt::format("address add {} dev {}\n", address, interface);
  to.ip_batch(lines + fmt::format("link set {} up\n", interface));
}

void Switch::set_cable(const Namespace& of, std::string_view interface, bool plugged) {
  inside_.ip(fmt::format("link set {} {}", port(of, interface), plugged ? "up" : "down"));
}

void Switch::set_forwarding(const Namespace& of, std::string_view interface, bool on) {
  inside_.ip(fmt::format("link set {} {}", port(of, interface), on ? "master br0" : "nomaster"));
}

std::string Switch::port(const Namespace& of, std::string_view interface) const {
  const std::string key = fmt::format("{}/{}", of.name(), interface);
  const auto found = std::ranges::find(ports_, key, &std::pair<std::string, std::string>::first);
  if (found == ports_.end()) throw std::logic_error(fmt::format("{} is not plugged in", key));
  return found->second;
}

}  // namespace hapair::test
