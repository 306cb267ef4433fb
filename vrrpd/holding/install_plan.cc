#include "vrrpd/holding/install_plan.h"

#include <algorithm>

#include <fmt/format.h>

namespace hapair::vrrp {

void InstallPlan::begin(std::span<const Prefix> all) {
  order_.assign(all.begin(), all.end());
  given_ = 0;
  std::stable_partition(order_.begin(), order_.end(),
                        [&](const Prefix& address) { return lost_.contains(address.ip); });
  lost_.clear();
}

std::span<const Prefix> InstallPlan::next() {
  const size_t count = std::min(kPerTurn, order_.size() - given_);
  const auto turn = std::span<const Prefix>(order_).subspan(given_, count);
  given_ += count;
  return turn;
}

std::string InstallPlan::lost() const {
  const std::string first = lost_.begin()->to_string();
  if (lost_.size() == 1) return first + " was";
  return fmt::format("{} and {} more were", first, lost_.size() - 1);
}

void InstallPlan::cancel() {
  order_.clear();
  given_ = 0;
  lost_.clear();
  announce_ = false;
}

}  // namespace hapair::vrrp
