// The calls that a worker makes for every event, without glibc's points of cancellation: in a
// program with threads each of those costs two atomic exchanges (1 % of a short connection in all),
// and nobody here cancels a thread. They mean what the functions of the same names mean.
#pragma once

#include <cstddef>

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

namespace hapair::lbcore::relay::kernel {

#ifdef HAPAIR_SANITIZED

// Sanitizers see glibc's functions only: the buffers, and which descriptors begin.
inline ssize_t recv(int fd, void* to, size_t bytes, int flags) {
  return ::recv(fd, to, bytes, flags);
}
inline ssize_t send(int fd, const void* from, size_t bytes, int flags) {
  return ::send(fd, from, bytes, flags);
}
inline int connect(int fd, const sockaddr* to, socklen_t size) {
  return ::connect(fd, to, size);
}
inline int accept4(int fd, sockaddr* from, socklen_t* size, int flags) {
  return ::accept4(fd, from, size, flags);
}
/// Without a timeout.
inline int epoll_wait(int fd, epoll_event* events, int most) {
  return ::epoll_wait(fd, events, most, -1);
}

#else

inline ssize_t recv(int fd, void* to, size_t bytes, int flags) {
  return ::syscall(SYS_recvfrom, fd, to, bytes, flags, nullptr, nullptr);
}

inline ssize_t send(int fd, const void* from, size_t bytes, int flags) {
  return ::syscall(SYS_sendto, fd, from, bytes, flags, nullptr, 0);
}

inline int connect(int fd, const sockaddr* to, socklen_t size) {
  return static_cast<int>(::syscall(SYS_connect, fd, to, size));
}

inline int accept4(int fd, sockaddr* from, socklen_t* size, int flags) {
  return static_cast<int>(::syscall(SYS_accept4, fd, from, size, flags));
}

/// Without a timeout.
inline int epoll_wait(int fd, epoll_event* events, int most) {
  return static_cast<int>(::syscall(SYS_epoll_pwait, fd, events, most, -1, nullptr, 0));
}

#endif

}  // namespace hapair::lbcore::relay::kernel
