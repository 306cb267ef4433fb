#include "lbcore/sticky/session_slab.h"

#include <algorithm>
#include <span>

namespace hapair::lbcore::sticky {

namespace {

constexpr size_t kFirstBuckets = 64;

std::array<uint8_t, 16> key_bytes(const IpAddress& address) {
  std::array<uint8_t, 16> out{};
  std::ranges::copy(address.bytes(), out.begin());
  return out;
}

}  // namespace

IpAddress SessionSlab::Entry::address() const {
  if (is_v6) return IpAddress::from_bytes(std::span(key));
  return IpAddress::from_bytes(std::span(key).first<4>());
}

SessionSlab::SessionSlab(SipKey hash_key)
    : hash_key_(hash_key), buckets_(kFirstBuckets, kNone), low_mask_(kFirstBuckets - 1) {}

size_t SessionSlab::bucket_of(const std::array<uint8_t, 16>& key, bool is_v6) const {
  const size_t hash = siphash<1, 3>(hash_key_, std::span(key).first(is_v6 ? 16 : 4));
  const size_t bucket = hash & low_mask_;
  const size_t already_split = buckets_.size() - (low_mask_ + 1);
  return bucket < already_split ? hash & (2 * low_mask_ + 1) : bucket;
}

SessionSlab::Slot SessionSlab::find(const IpAddress& key) const {
  const auto bytes = key_bytes(key);
  Slot slot = buckets_[bucket_of(bytes, key.is_v6())];
  while (slot != kNone) {
    const Entry& entry = (*this)[slot];
    if (entry.key == bytes && (entry.is_v6 != 0) == key.is_v6()) return slot;
    slot = entry.chain;
  }
  return kNone;
}

SessionSlab::Slot SessionSlab::add(const IpAddress& key) {
  Slot slot = free_;
  if (slot != kNone) {
    free_ = (*this)[slot].chain;
  } else {
    if (end_ / kChunkSlots == chunks_.size()) {
      chunks_.push_back(std::make_unique<Entry[]>(kChunkSlots));
    }
    slot = end_++;
  }
  if (++size_ > buckets_.size()) split_next_bucket();

  Entry& entry = (*this)[slot];
  entry = Entry{};
  entry.key = key_bytes(key);
  entry.is_v6 = key.is_v6();
  entry.in_use = 1;
  Slot& head = buckets_[bucket_of(entry.key, key.is_v6())];
  entry.chain = head;
  head = slot;
  return slot;
}

void SessionSlab::remove(Slot slot) {
  Entry& entry = (*this)[slot];
  Slot* link = &buckets_[bucket_of(entry.key, entry.is_v6 != 0)];
  while (*link != slot) link = &(*this)[*link].chain;
  *link = entry.chain;
  entry.in_use = 0;
  entry.chain = free_;
  free_ = slot;
  --size_;
}

/// Adds one bucket and moves into it what belongs there from its lower half.
void SessionSlab::split_next_bucket() {
  const size_t from = buckets_.size() - (low_mask_ + 1);
  const size_t into = buckets_.size();
  Slot slot = buckets_[from];
  buckets_[from] = kNone;
  buckets_.push_back(kNone);
  while (slot != kNone) {
    Entry& entry = (*this)[slot];
    const Slot next = entry.chain;
    // Both halves count as split now: bucket_of chooses between `from` and `into`.
    Slot& head = buckets_[bucket_of(entry.key, entry.is_v6 != 0)];
    entry.chain = head;
    head = slot;
    slot = next;
  }
  if (into == 2 * low_mask_ + 1) low_mask_ = into;
}

size_t SessionSlab::memory_bytes() const {
  return chunks_.size() * kChunkSlots * sizeof(Entry) + buckets_.capacity() * sizeof(Slot) +
         chunks_.capacity() * sizeof(chunks_[0]);
}

size_t SessionSlab::longest_chain() const {
  size_t longest = 0;
  for (Slot slot : buckets_) {
    size_t length = 0;
    for (; slot != kNone; slot = (*this)[slot].chain) ++length;
    longest = std::max(longest, length);
  }
  return longest;
}

}  // namespace hapair::lbcore::sticky
