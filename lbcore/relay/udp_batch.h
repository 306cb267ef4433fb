// The buffers through which a worker's datagrams go, one of each kind per worker, made when the
// first UDP service comes. Datagrams are taken and sent in batches: the system calls are what a
// relay of small datagrams costs.
//
// Most of the memory is never touched: a page becomes resident when a datagram needed it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include <netinet/in.h>
#include <sys/socket.h>

#include "lbcore/relay/udp_flow_table.h"

namespace hapair::lbcore::relay {

/// Room for any datagram: 65,507 bytes is the longest over IPv4, 65,527 over IPv6.
inline constexpr size_t kMostDatagramBytes = size_t{64} << 10;

/// An address as the socket calls have it, for the two families that there are.
union ClientName {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
};

FlowKey flow_key(const ClientName& name);
/// Fills `out`, returns its length.
socklen_t client_name(const FlowKey& key, bool ipv4, ClientName& out);

/// Datagrams from clients.
class RequestBatch {
 public:
  static constexpr size_t kMost = 32;

  RequestBatch();

  /// Takes what waits at `fd`; 0: nothing. What the batch held is gone.
  size_t receive(int fd);
  [[nodiscard]] const ClientName& from(size_t index) const { return names_[index]; }
  [[nodiscard]] size_t bytes(size_t index) const { return outgoing_[index].iov_len; }
  [[nodiscard]] bool same_client(size_t a, size_t b) const {
    return flow_key(names_[a]) == flow_key(names_[b]);
  }
  /// Sends `count` of them from `first` to a connected socket; how many went, or -1 and errno if
  /// not one did.
  int send(int fd, size_t first, size_t count);

 private:
  // Slots that lay a power of two apart would compete for the same lines of every cache.
  static constexpr size_t kStride = kMostDatagramBytes + size_t{5} * 64;

  std::unique_ptr<char[]> buffer_;
  std::array<ClientName, kMost> names_{};
  std::array<iovec, kMost> room_{};
  std::array<iovec, kMost> outgoing_{};
  std::array<mmsghdr, kMost> received_{};
  std::array<mmsghdr, kMost> sending_{};
};

/// Datagrams to clients, collected over one turn of the event loop and sent together.
class ReplyBatch {
 public:
  ReplyBatch();

  /// Where the next datagram may be read to. Sends what is held if that takes the room.
  std::span<char> room();
  /// The first `bytes` of room() go to the client of `key` from the listening socket `fd`.
  void push(int fd, bool ipv4, const FlowKey& key, size_t bytes);
  /// Sends all. What a socket does not take is dropped, as anywhere on its way.
  void flush();

 private:
  static constexpr size_t kMost = 64;
  static constexpr size_t kArena = size_t{4} * kMostDatagramBytes;

  void send(size_t first, size_t count);

  std::unique_ptr<char[]> arena_;
  size_t used_ = 0;
  size_t count_ = 0;
  std::array<int, kMost> fds_{};
  std::array<ClientName, kMost> names_{};
  std::array<iovec, kMost> data_{};
  std::array<mmsghdr, kMost> messages_{};
};

}  // namespace hapair::lbcore::relay
