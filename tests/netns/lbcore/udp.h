// Datagrams for tests: servers that answer from a thread of their own, and clients that wait with a
// deadline. Sockets are made in a namespace and used from anywhere.
#pragma once

#include <string>
#include <thread>

#include "common/address.h"
#include "common/clock.h"
#include "common/unique_fd.h"
#include "tests/support/namespace.h"

namespace hapair::test {

/// Answers every datagram to `listen` with "NAME TEXT"; a text that leaves no room for the name
/// comes back as it is.
class DatagramServer {
 public:
  DatagramServer(const Namespace& in, std::string name, const Endpoint& listen);

 private:
  void answer(const std::stop_token& stop) const;
  std::string name_;
  UniqueFd fd_;
  std::jthread thread_;
};

class DatagramClient {
 public:
  /// Talks to `target` only, from `source` unless that is unspecified: an answer from anywhere else
  /// is not heard.
  DatagramClient(const Namespace& in, const Endpoint& target,
                 const IpAddress& source = IpAddress());

  bool say(const std::string& text);
  /// What came, or the text of the error, which is "Resource temporarily unavailable" when nothing
  /// did.
  std::string hear(Duration within = 2s);
  std::string ask(const std::string& text) { return say(text) ? hear() : "not sent"; }
  /// The first word of the answer, which is the server's name.
  std::string server(const std::string& text = "x");

 private:
  UniqueFd fd_;
};

}  // namespace hapair::test
