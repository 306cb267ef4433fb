#include "lbcore/relay/udp_batch.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "lbcore/relay/system_calls.h"

namespace hapair::lbcore::relay {

namespace {

constexpr size_t kCacheLine = 64;

}  // namespace

FlowKey flow_key(const ClientName& name) {
  FlowKey key;
  if (name.any.sa_family == AF_INET) {
    std::memcpy(key.address.data(), &name.v4.sin_addr, sizeof name.v4.sin_addr);
    key.port = name.v4.sin_port;
  } else {
    std::memcpy(key.address.data(), &name.v6.sin6_addr, sizeof name.v6.sin6_addr);
    key.port = name.v6.sin6_port;
    key.scope = name.v6.sin6_scope_id;
  }
  return key;
}

socklen_t client_name(const FlowKey& key, bool ipv4, ClientName& out) {
  if (ipv4) {
    out.v4 = {};
    out.v4.sin_family = AF_INET;
    out.v4.sin_port = static_cast<in_port_t>(key.port);
    std::memcpy(&out.v4.sin_addr, key.address.data(), sizeof out.v4.sin_addr);
    return sizeof out.v4;
  }
  out.v6 = {};
  out.v6.sin6_family = AF_INET6;
  out.v6.sin6_port = static_cast<in_port_t>(key.port);
  out.v6.sin6_scope_id = key.scope;
  std::memcpy(&out.v6.sin6_addr, key.address.data(), sizeof out.v6.sin6_addr);
  return sizeof out.v6;
}

RequestBatch::RequestBatch() : buffer_(std::make_unique_for_overwrite<char[]>(kMost * kStride)) {
  for (size_t i = 0; i < kMost; ++i) {
    room_[i] = {.iov_base = buffer_.get() + i * kStride, .iov_len = kMostDatagramBytes};
    outgoing_[i].iov_base = room_[i].iov_base;
    msghdr& received = received_[i].msg_hdr;
    received.msg_name = &names_[i];
    received.msg_namelen = sizeof names_[i];
    received.msg_iov = &room_[i];
    received.msg_iovlen = 1;
    sending_[i].msg_hdr.msg_iov = &outgoing_[i];
    sending_[i].msg_hdr.msg_iovlen = 1;
  }
}

size_t RequestBatch::receive(int fd) {
  const int got = ::recvmmsg(fd, received_.data(), kMost, MSG_DONTWAIT, nullptr);
  if (got <= 0) return 0;
  const auto count = static_cast<size_t>(got);
  for (size_t i = 0; i < count; ++i) {
    outgoing_[i].iov_len = received_[i].msg_len;
    received_[i].msg_hdr.msg_namelen = sizeof names_[i];
  }
  return count;
}

int RequestBatch::send(int fd, size_t first, size_t count) {
  constexpr int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
  if (count > 1) return ::sendmmsg(fd, &sending_[first], static_cast<unsigned>(count), flags);
  const iovec& data = outgoing_[first];
  return kernel::send(fd, data.iov_base, data.iov_len, flags) < 0 ? -1 : 1;
}

ReplyBatch::ReplyBatch() : arena_(std::make_unique_for_overwrite<char[]>(kArena)) {
  for (size_t i = 0; i < kMost; ++i) {
    msghdr& message = messages_[i].msg_hdr;
    message.msg_name = &names_[i];
    message.msg_iov = &data_[i];
    message.msg_iovlen = 1;
  }
}

std::span<char> ReplyBatch::room() {
  if (count_ == kMost || kArena - used_ < kMostDatagramBytes) flush();
  return {arena_.get() + used_, kMostDatagramBytes};
}

void ReplyBatch::push(int fd, bool ipv4, const FlowKey& key, size_t bytes) {
  fds_[count_] = fd;
  data_[count_] = {.iov_base = arena_.get() + used_, .iov_len = bytes};
  messages_[count_].msg_hdr.msg_namelen = client_name(key, ipv4, names_[count_]);
  used_ += (bytes + kCacheLine - 1) / kCacheLine * kCacheLine;
  ++count_;
}

void ReplyBatch::flush() {
  for (size_t first = 0; first < count_;) {
    size_t end = first + 1;
    while (end < count_ && fds_[end] == fds_[first]) ++end;
    send(first, end - first);
    first = end;
  }
  count_ = 0;
  used_ = 0;
}

void ReplyBatch::send(size_t first, size_t count) {
  constexpr int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
  while (count > 0) {
    const msghdr& one = messages_[first].msg_hdr;
    const int sent = count == 1 ? (::sendmsg(fds_[first], &one, flags) < 0 ? -1 : 1)
                                : ::sendmmsg(fds_[first], &messages_[first],
                                             static_cast<unsigned>(count), flags);
    if (sent < 0 && (errno == EAGAIN || errno == ENOBUFS)) return;
    // Any other error concerns the first one alone: its client cannot be reached.
    const auto done = static_cast<size_t>(std::max(sent, 1));
    first += done;
    count -= done;
  }
}

}  // namespace hapair::lbcore::relay
