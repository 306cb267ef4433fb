// Where the entries of a session table lie, and how they are found by key: a slab of chunks and an
// index over it. Knows nothing of time, versions or limits (session_table does).
//
// Entries never move, and their slots are 32-bit numbers, so that links between them cost 4 bytes.
// The index is a linear hash table: it grows by one bucket per new entry, so no call ever pays for
// rehashing the whole table (tens of milliseconds at a million entries, under a lock that workers
// wait for); for the same reason its buckets lie in blocks that are never copied. Clients choose
// the keys, so the hash is keyed.
//
// In a large table a key costs two misses of the cache, its bucket and its entry. Who has several
// keys to look for hashes them all first and has their memory fetched at the same time: hashed(),
// expect_bucket(), expect_entry().
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <vector>

#include "common/address.h"
#include "common/clock.h"
#include "lbcore/model/live.h"
#include "lbcore/sticky/siphash.h"

namespace hapair::lbcore::sticky {

class SessionSlab {
 public:
  using Slot = uint32_t;
  static constexpr Slot kNone = ~Slot{0};

  struct Entry {
    std::array<uint8_t, 16> key{};  // IPv4: the first 4 count, the rest is zero
    uint64_t version : 48 = 0;
    uint64_t holders : 16 = 0;  // open connections of the client; at the most, no longer counted
    TimePoint last_used{};
    ServerId server : 30 = 0;
    uint32_t in_use : 1 = 0;
    uint32_t is_v6 : 1 = 0;
    Slot chain = kNone;  // next in the bucket, or in the free list
    Slot older = kNone;  // the table's list by use
    Slot newer = kNone;

    [[nodiscard]] IpAddress address() const;
  };
  static_assert(sizeof(Entry) == 48);

  /// A key as entries hold it, and its hash.
  struct HashedKey {
    std::array<uint8_t, 16> bytes{};
    bool is_v6 = false;
    uint64_t hash = 0;
  };

  explicit SessionSlab(SipKey hash_key);

  [[nodiscard]] Entry& operator[](Slot slot) {
    return chunks_[slot / kChunkSlots][slot % kChunkSlots];
  }
  [[nodiscard]] const Entry& operator[](Slot slot) const {
    return chunks_[slot / kChunkSlots][slot % kChunkSlots];
  }

  /// Reads nothing that changes.
  [[nodiscard]] HashedKey hashed(const IpAddress& key) const;
  /// Will be looked for soon. expect_entry comes after expect_bucket, some keys later.
  void expect_bucket(const HashedKey& key) const;
  void expect_entry(const HashedKey& key) const;

  [[nodiscard]] Slot find(const HashedKey& key) const;
  [[nodiscard]] Slot find(const IpAddress& key) const { return find(hashed(key)); }
  /// A fresh entry for `key`, which must not be there yet.
  Slot add(const HashedKey& key);
  Slot add(const IpAddress& key) { return add(hashed(key)); }
  void remove(Slot slot);
  /// About so many entries are to be expected. From now on every add makes a few buckets for them:
  /// as long as there are few entries that costs nothing, and later ones find their bucket ready.
  void expect(size_t entries) { expected_ = entries; }

  [[nodiscard]] size_t size() const { return size_; }
  /// Slots from here on were never used; below, look at `in_use`.
  [[nodiscard]] Slot end() const { return end_; }
  /// Bytes held by entries and index; they are kept for reuse when entries go.
  [[nodiscard]] size_t memory_bytes() const;
  /// The longest chain of the index; for tests.
  [[nodiscard]] size_t longest_chain() const;

 private:
  static constexpr size_t kChunkSlots = 4096;
  static constexpr size_t kBlockBuckets = 4096;
  static constexpr size_t kBucketsAhead = 16;  // per add, for those that are expected

  [[nodiscard]] uint64_t hash_of(const std::array<uint8_t, 16>& key, bool is_v6) const;
  [[nodiscard]] size_t bucket_of(uint64_t hash) const;
  [[nodiscard]] Slot& bucket(size_t number) {
    return blocks_[number / kBlockBuckets][number % kBlockBuckets];
  }
  [[nodiscard]] const Slot& bucket(size_t number) const {
    return blocks_[number / kBlockBuckets][number % kBlockBuckets];
  }
  void add_bucket();
  void split_next_bucket();

  SipKey hash_key_;
  // Its memory becomes entries one by one: writing all of it at once would take 0.1 ms.
  struct FreeChunk {
    void operator()(Entry* chunk) const { std::allocator<Entry>().deallocate(chunk, kChunkSlots); }
  };
  using Chunk = std::unique_ptr<Entry[], FreeChunk>;
  static_assert(std::is_trivially_destructible_v<Entry>);

  std::vector<Chunk> chunks_;
  Slot end_ = 0;
  Slot free_ = kNone;
  size_t size_ = 0;
  std::vector<std::unique_ptr<Slot[]>> blocks_;
  size_t buckets_ = 0;
  size_t expected_ = 0;
  // A power of two minus one; the table is on its way from low_mask_ + 1 buckets to twice that.
  size_t low_mask_;
};

}  // namespace hapair::lbcore::sticky
