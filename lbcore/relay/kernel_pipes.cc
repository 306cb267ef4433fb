#include "lbcore/relay/kernel_pipes.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace hapair::lbcore::relay {

namespace {

constexpr size_t kMostEver = 64;

}  // namespace

size_t KernelPipes::most_for(size_t descriptor_limit, size_t workers) {
  return std::min(kMostEver, descriptor_limit / 64 / workers);
}

std::unique_ptr<KernelPipe> KernelPipes::take() {
  if (in_use_ >= most_) return nullptr;
  if (!spare_.empty()) {
    ++in_use_;
    auto pipe = std::move(spare_.back());
    spare_.pop_back();
    return pipe;
  }
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC) != 0) return nullptr;
  auto pipe = std::make_unique<KernelPipe>();
  pipe->out.reset(ends[0]);
  pipe->in.reset(ends[1]);
  // A smaller one works as well: an unprivileged process may have reached what it may hold.
  ::fcntl(pipe->in.get(), F_SETPIPE_SZ, static_cast<int>(kBytes));
  ++in_use_;
  return pipe;
}

void KernelPipes::give_back(std::unique_ptr<KernelPipe> pipe) {
  --in_use_;
  if (pipe->bytes == 0) spare_.push_back(std::move(pipe));
}

}  // namespace hapair::lbcore::relay
