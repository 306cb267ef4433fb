// Moving one established TCP connection between kernels (TCP_REPAIR; needs CAP_NET_ADMIN). On the
// node that it leaves:
//
//   dump(fd)      from now on the socket says nothing and hears nothing; its image comes back. What
//                 still arrives is not acknowledged: its sender says it again to whoever has the
//                 connection then.
//   wake(fd)      it goes on as if nothing had happened
//   closing fd    ends it without a word
//
// and on the one that it comes to:
//
//   restore()     a socket that has the same connection, silent and deaf as well. Its address need
//                 not be on this node, but the way to the peer must be known.
//   wake(fd)      it goes on; closing it instead ends it without a word
#pragma once

#include <string>

#include "common/result.h"
#include "common/unique_fd.h"
#include "lbcore/handover/tcp_image.h"

namespace hapair::lbcore::handover {

struct Dumped {
  TcpImage image;
  std::string unsent;  // written, and never on the wire: to be written to the restored socket
};

inline constexpr const char* kClosing = "closing";

/// On an error, which is a reason (kClosing: an end has been said or heard), the socket goes on.
Result<Dumped> dump(int fd);

/// A socket of the same state, non-blocking; with the options of a new one.
Result<UniqueFd> restore(const TcpImage& image);

/// `probe`: the peer is asked at once what it has, instead of when a timer expires: its answer
/// acknowledges what arrived before the move. Only once its answer finds the way here.
void wake(int fd, bool probe);

}  // namespace hapair::lbcore::handover
