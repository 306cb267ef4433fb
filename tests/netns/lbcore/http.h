// A blocking HTTP client for tests, one request per call, with deadlines on everything. Sockets are
// made in a namespace and used from anywhere.
#pragma once

#include <cstdint>
#include <string>

#include "common/address.h"
#include "common/unique_fd.h"
#include "tests/support/namespace.h"

namespace hapair::test {

/// A TCP socket in `from`, bound to `source` unless that is unspecified, connected to `target`
/// within 5 s; errno says why when it is not valid.
UniqueFd connect_from(const Namespace& from, const Endpoint& target,
                      const IpAddress& source = IpAddress());

/// A TCP socket in `in` that listens at `listen`; nobody accepts unless the test does.
UniqueFd listen_in(const Namespace& in, const Endpoint& listen, int backlog = 1);

struct Answer {
  int status = 0;             // 0: none
  std::string body = {};      // empty when only its checksum was asked for
  std::string server = {};    // X-Server
  std::string checksum = {};  // X-Checksum of /big; of a POST, what the server found
  uint64_t digest = 0;        // xxHash64 of the body as it arrived, of a POST's as it was sent
  std::string error = {};     // what went wrong, or empty

  [[nodiscard]] bool ok() const { return error.empty() && status == 200; }
  /// A whole body with the checksum that the server gave it.
  [[nodiscard]] bool intact() const;
};

/// Sends a GET and reads the whole answer. `pause_every` bytes it rests for a millisecond (0:
/// never).
Answer get(int fd, const std::string& path, size_t pause_every = 0);
/// Sends `body` and reads the answer, which says what arrived.
Answer post(int fd, const std::string& body);
/// Connects, gets, closes.
Answer get_from(const Namespace& from, const Endpoint& target, const std::string& path,
                const IpAddress& source = IpAddress());

}  // namespace hapair::test
