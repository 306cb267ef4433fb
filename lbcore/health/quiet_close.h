// Closes probe sockets without a reset. close() with unread bytes answers RST, and then the
// server's log has an error for every check: a banner of SSH or SMTP, or the body of an HTTP
// answer, is enough. So our side is shut down, what still arrives is thrown away, and the
// descriptor is closed when the server has closed, or at a bound: after kPatience, kMostBytes, or
// at once when kMostAtOnce are waiting already.
#pragma once

#include <cstddef>
#include <list>

#include "common/event_loop.h"
#include "common/unique_fd.h"

namespace hapair::lbcore::health {

class QuietClose {
 public:
  static constexpr Duration kPatience = 1s;
  static constexpr size_t kMostBytes = size_t{256} << 10;
  static constexpr size_t kMostAtOnce = 512;

  explicit QuietClose(EventLoop& loop);
  ~QuietClose();
  QuietClose(const QuietClose&) = delete;
  QuietClose& operator=(const QuietClose&) = delete;

  /// `fd`: a connected non-blocking stream socket.
  void take(UniqueFd fd);
  /// How many have not closed yet.
  [[nodiscard]] size_t waiting() const;

 private:
  class Parting;
  EventLoop& loop_;
  std::list<Parting> partings_;
};

}  // namespace hapair::lbcore::health
