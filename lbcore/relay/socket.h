// The socket calls of the relay, each named by what it attempts.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "common/address.h"
#include "common/result.h"
#include "common/unique_fd.h"

namespace hapair::lbcore::relay {

/// One listening TCP socket per worker on `endpoint`. They listen whether or not this node holds
/// the address (IP_FREEBIND) and share it among each other (SO_REUSEPORT), but never with another
/// process of ours: unless `ours`, the address must be free. What accepted sockets inherit is set
/// here, so that accepting costs one system call.
Result<std::vector<UniqueFd>> open_listeners(const Endpoint& endpoint, size_t count, bool ours);

/// The same for UDP, with room for bursts in both directions.
Result<std::vector<UniqueFd>> open_datagram_listeners(const Endpoint& endpoint, size_t count,
                                                      bool ours);

/// A datagram socket that talks to `server` only; else the errno of what failed.
tl::expected<UniqueFd, int> connect_datagrams(const Endpoint& server);

/// Another descriptor of the same socket; errno says why when it is not valid.
UniqueFd duplicate(int fd);

/// A socket for a connection to a server; errno says why when it is not valid.
UniqueFd open_server_socket(int family);
/// Before connect(): bytes follow at once, and carry the handshake's last acknowledgement. One
/// packet less; call only when there are some, or it is late.
void speak_at_once(int fd);
/// For its second piece of data on: the first one waits for nothing anyhow. What waits by then for
/// an acknowledgement goes out.
void send_at_once(int fd);
/// Finds out when the peer has vanished without a word (after the kernel's own times).
void keep_alive(int fd);

/// The same, which speaks as `client`: from its address, and from its port unless that is taken or
/// not wanted. A server of another family than the client's is EAFNOSUPPORT.
UniqueFd open_transparent_socket(int family, const Endpoint& client, bool with_port);
/// Whether this process may open such sockets.
Status may_be_transparent();
/// Whether this error of open_transparent_socket() is about the client's address: no server is to
/// blame.
bool cannot_speak_as_client(int error);

/// The same, from one of these addresses, which this node must have now (EADDRNOTAVAIL) and which
/// `choice` picks among those of the family. The port is chosen by connect().
UniqueFd open_socket_from(const std::vector<IpAddress>& sources, int family, uint32_t choice);

/// The options that an accepted socket has from its listener.
void set_client_options(int fd);

/// A listening socket answers no new client from now on, as if there were nobody; handshakes that
/// have begun are finished. Until admit_newcomers(), which costs nothing when it was never called.
void ignore_newcomers(int fd);
void admit_newcomers(int fd);

/// Every address that this node has at the moment.
std::set<IpAddress> own_addresses();

/// Whether this error of socket() or accept() means that this machine is out of something that
/// comes back when connections end.
bool exhausted(int error);

/// Closes so that the other end is reset instead of reading an orderly end.
void close_with_reset(UniqueFd fd);

/// Bytes that the kernel holds for `fd` and its peer has not acknowledged.
int unacknowledged_bytes(int fd);

/// Its connection was reset or has timed out, whatever is still to be read of it.
bool has_failed(int fd);

}  // namespace hapair::lbcore::relay
