#include "lbcore/relay/udp_flow_table.h"

#include <type_traits>
#include <utility>

namespace hapair::lbcore::relay {

namespace {

constexpr size_t kFirstBuckets = 64;

}  // namespace

FlowTable::FlowTable(const sticky::SipKey& secret, Duration idle_timeout)
    : secret_(secret), idle_timeout_(idle_timeout), buckets_(kFirstBuckets) {}

uint32_t FlowTable::hash_of(const FlowKey& key) const {
  static_assert(std::has_unique_object_representations_v<FlowKey>, "hashed as it lies in memory");
  const auto* bytes = reinterpret_cast<const uint8_t*>(&key);
  return static_cast<uint32_t>(sticky::siphash<1, 3>(secret_, {bytes, sizeof key}));
}

FlowNode* FlowTable::find(const FlowKey& key) const {
  const uint32_t hash = hash_of(key);
  FlowNode* node = buckets_[bucket(hash)];
  while (node != nullptr && (node->hash_ != hash || node->key_ != key)) {
    node = node->next_in_bucket_;
  }
  return node;
}

void FlowTable::add(FlowNode& node, TimePoint now) {
  if (size_ == buckets_.size()) grow();
  node.hash_ = hash_of(node.key_);
  node.next_in_bucket_ = std::exchange(buckets_[bucket(node.hash_)], &node);
  node.last_used_ = now;
  link_newest(node);
  ++size_;
}

void FlowTable::remove(FlowNode& node) {
  FlowNode** at = &buckets_[bucket(node.hash_)];
  while (*at != &node) at = &(*at)->next_in_bucket_;
  *at = std::exchange(node.next_in_bucket_, nullptr);
  unlink(node);
  --size_;
}

void FlowTable::touch(FlowNode& node, TimePoint now) {
  node.last_used_ = now;
  if (newest_ == &node) return;
  unlink(node);
  link_newest(node);
}

FlowNode* FlowTable::expired(TimePoint now) const {
  const bool over = oldest_ != nullptr && now - oldest_->last_used_ >= idle_timeout_;
  return over ? oldest_ : nullptr;
}

std::optional<TimePoint> FlowTable::next_expiry() const {
  if (oldest_ == nullptr) return std::nullopt;
  return oldest_->last_used_ + idle_timeout_;
}

void FlowTable::grow() {
  std::vector<FlowNode*> before(buckets_.size() * 2);
  before.swap(buckets_);
  for (FlowNode* node : before) {
    while (node != nullptr) {
      FlowNode* next = node->next_in_bucket_;
      node->next_in_bucket_ = std::exchange(buckets_[bucket(node->hash_)], node);
      node = next;
    }
  }
}

void FlowTable::link_newest(FlowNode& node) {
  node.newer_ = nullptr;
  node.older_ = newest_;
  (newest_ != nullptr ? newest_->newer_ : oldest_) = &node;
  newest_ = &node;
}

void FlowTable::unlink(FlowNode& node) {
  (node.newer_ != nullptr ? node.newer_->older_ : newest_) = node.older_;
  (node.older_ != nullptr ? node.older_->newer_ : oldest_) = node.newer_;
}

}  // namespace hapair::lbcore::relay
