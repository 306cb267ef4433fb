#include "lbcore/sticky/session_slab.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <span>

namespace hapair::lbcore::sticky {

namespace {

constexpr size_t kFirstBuckets = 64;

// Entries of the buckets to be split next are fetched this many splits ahead.
constexpr size_t kSplitsAhead = 16;
static_assert(kSplitsAhead < kFirstBuckets);

bool same(const std::array<uint8_t, 16>& a, const std::array<uint8_t, 16>& b) {
  const auto words = [](const auto& bytes) {
    return std::bit_cast<std::array<uint64_t, 2>>(bytes);
  };
  return words(a) == words(b);
}

}  // namespace

IpAddress SessionSlab::Entry::address() const {
  if (is_v6) return IpAddress::from_bytes(std::span(key));
  return IpAddress::from_bytes(std::span(key).first<4>());
}

SessionSlab::SessionSlab(SipKey hash_key) : hash_key_(hash_key), low_mask_(kFirstBuckets - 1) {
  while (buckets_ < kFirstBuckets) add_bucket();
}

uint64_t SessionSlab::hash_of(const std::array<uint8_t, 16>& key, bool is_v6) const {
  return siphash<1, 3>(hash_key_, std::span(key).first(is_v6 ? 16 : 4));
}

size_t SessionSlab::bucket_of(uint64_t hash) const {
  const size_t low = hash & low_mask_;
  const size_t already_split = buckets_ - (low_mask_ + 1);
  return low < already_split ? hash & (2 * low_mask_ + 1) : low;
}

SessionSlab::HashedKey SessionSlab::hashed(const IpAddress& key) const {
  HashedKey out{.is_v6 = key.is_v6()};
  const auto bytes = key.bytes();
  std::memcpy(out.bytes.data(), bytes.data(), bytes.size());
  out.hash = hash_of(out.bytes, out.is_v6);
  return out;
}

void SessionSlab::expect_bucket(const HashedKey& key) const {
  __builtin_prefetch(&bucket(bucket_of(key.hash)), 1);
}

void SessionSlab::expect_entry(const HashedKey& key) const {
  const Slot first = bucket(bucket_of(key.hash));
  if (first != kNone) __builtin_prefetch(&(*this)[first]);
}

SessionSlab::Slot SessionSlab::find(const HashedKey& key) const {
  Slot slot = bucket(bucket_of(key.hash));
  while (slot != kNone) {
    const Entry& entry = (*this)[slot];
    if (same(entry.key, key.bytes) && (entry.is_v6 != 0) == key.is_v6) return slot;
    slot = entry.chain;
  }
  return kNone;
}

SessionSlab::Slot SessionSlab::add(const HashedKey& key) {
  Slot slot = free_;
  if (slot != kNone) {
    free_ = (*this)[slot].chain;
  } else {
    if (end_ / kChunkSlots == chunks_.size()) {
      chunks_.emplace_back(std::allocator<Entry>().allocate(kChunkSlots));
    }
    slot = end_++;
  }
  if (++size_ > buckets_) split_next_bucket();
  for (size_t i = 0; i < kBucketsAhead && buckets_ < expected_; ++i) split_next_bucket();

  Entry& entry = *std::construct_at(&(*this)[slot]);
  entry.key = key.bytes;
  entry.is_v6 = key.is_v6;
  entry.in_use = 1;
  Slot& head = bucket(bucket_of(key.hash));
  entry.chain = head;
  head = slot;
  return slot;
}

void SessionSlab::remove(Slot slot) {
  Entry& entry = (*this)[slot];
  Slot* link = &bucket(bucket_of(hash_of(entry.key, entry.is_v6 != 0)));
  while (*link != slot) link = &(*this)[*link].chain;
  *link = entry.chain;
  entry.in_use = 0;
  entry.chain = free_;
  free_ = slot;
  --size_;
}

void SessionSlab::add_bucket() {
  if (buckets_ / kBlockBuckets == blocks_.size()) {
    blocks_.push_back(std::make_unique_for_overwrite<Slot[]>(kBlockBuckets));
  }
  bucket(buckets_++) = kNone;
}

/// Adds one bucket and moves into it what belongs there from its lower half.
void SessionSlab::split_next_bucket() {
  const size_t from = buckets_ - (low_mask_ + 1);
  const size_t into = buckets_;
  const Slot ahead = bucket(from + kSplitsAhead);
  if (ahead != kNone) __builtin_prefetch(&(*this)[ahead], 1);
  Slot slot = bucket(from);
  bucket(from) = kNone;
  add_bucket();
  while (slot != kNone) {
    Entry& entry = (*this)[slot];
    const Slot next = entry.chain;
    // Both halves count as split now: bucket_of chooses between `from` and `into`.
    Slot& head = bucket(bucket_of(hash_of(entry.key, entry.is_v6 != 0)));
    entry.chain = head;
    head = slot;
    slot = next;
  }
  if (into == 2 * low_mask_ + 1) low_mask_ = into;
}

size_t SessionSlab::memory_bytes() const {
  return chunks_.size() * kChunkSlots * sizeof(Entry) +
         blocks_.size() * kBlockBuckets * sizeof(Slot) + chunks_.capacity() * sizeof(chunks_[0]) +
         blocks_.capacity() * sizeof(blocks_[0]);
}

size_t SessionSlab::longest_chain() const {
  size_t longest = 0;
  for (size_t number = 0; number < buckets_; ++number) {
    size_t length = 0;
    for (Slot slot = bucket(number); slot != kNone; slot = (*this)[slot].chain) ++length;
    longest = std::max(longest, length);
  }
  return longest;
}

}  // namespace hapair::lbcore::sticky
