// Pipes of the kernel through which long streams are spliced without being copied to us and back.
// A few for each worker, and who comes later copies: two descriptors each, and up to kBytes of
// kernel memory while a sink does not take what was read. Taken by a RelayPipe once its stream
// turns out to be long, and given back empty.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "common/unique_fd.h"

namespace hapair::lbcore::relay {

struct KernelPipe {
  UniqueFd out;  // the reading end
  UniqueFd in;
  size_t bytes = 0;  // inside now
};

class KernelPipes {
 public:
  static constexpr size_t kBytes = size_t{256} << 10;

  /// What each of so many workers may have at once, so that half of the descriptors that are set
  /// aside (ConnectionBudget) suffices for all.
  static size_t most_for(size_t descriptor_limit, size_t workers);

  explicit KernelPipes(size_t most) : most_(most) {}

  /// Null when all are in use, or when the kernel has none to give.
  std::unique_ptr<KernelPipe> take();
  /// One that is not empty is closed.
  void give_back(std::unique_ptr<KernelPipe> pipe);

 private:
  const size_t most_;
  std::vector<std::unique_ptr<KernelPipe>> spare_;
  size_t in_use_ = 0;
};

}  // namespace hapair::lbcore::relay
