// Requests to the kernel over rtnetlink, one at a time, each with its answer. The kernel answers
// before send() returns, so that nothing waits here. For what is rare: routes and interfaces.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "common/result.h"
#include "common/unique_fd.h"

struct nlmsghdr;

namespace hapair::vrrp {

class NetlinkSocket {
 public:
  NetlinkSocket();  // throws std::system_error when the kernel refuses it

  /// Sends one message, NLM_F_ACK set; its sequence number is put in here. Returns the kernel's
  /// error number, 0 for none.
  Result<int> ask(std::string request, std::string_view attempt);
  /// The same for a dump: hands over each message of the answer.
  Status list(std::string request, std::string_view attempt,
              const std::function<void(nlmsghdr*)>& each);

 private:
  Status send(std::string& request, std::string_view attempt);

  UniqueFd fd_;
  uint32_t sequence_ = 0;
};

/// The bytes of a message.
std::string bytes_of(const nlmsghdr* header);

}  // namespace hapair::vrrp
