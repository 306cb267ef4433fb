// mh, IPVS's name for Maglev (Eisenbud et al., NSDI 2016): consistent hashing by a table. Every
// server fills slots of a table of 65,521 in an order of its own until all are taken; a client's
// hash names a slot. A pick is O(1). What the tests measure:
//   - a server that is down, full or drained keeps its slots: its clients, and nobody else's, are
//     hashed again until they meet one that is well, and return when it does. No table is built.
//   - a server that leaves or joins the pool, or a weight that changes, builds a new table: when
//   one
//     of 10 servers leaves, 0.5 % of the clients of the others move, too, and when one of 1000
//     leaves, 0.6 % (sh: none, at O(n) per pick)
//   - each server's share of the slots is its share of the weights, to less than 2 % of itself for
//     10 servers; a server has no slot when its share of the weights is below one of 65,521.
//
// The table depends on addresses and weights only, and is the same on both nodes and all workers;
// slow start does not count. It is the one scheduler with a memory that is not small: 128 KiB for
// each worker and pool that has had a client, whatever the number of servers. The size is fixed
// because another one would move nearly all clients.

#include <algorithm>
#include <utility>

#include <xxhash.h>

#include "lbcore/balance/algorithms.h"
#include "lbcore/balance/members.h"

namespace hapair::lbcore::balance {

namespace {

constexpr size_t kSlots = 65521;  // prime: every skip visits every slot
constexpr uint16_t kFree = 0xffff;
constexpr int kRehashes = 64;  // with 9 of 10 servers down, one client in 850 is still unlucky

uint64_t hash(uint64_t value, uint64_t seed) {
  return XXH3_64bits_withSeed(&value, sizeof value, seed);
}

/// A server that fills the table.
struct Filler {
  uint64_t token = 0;
  uint32_t weight = 0;
  uint16_t index = 0;

  friend bool operator==(const Filler&, const Filler&) = default;
};

class Table {
 public:
  [[nodiscard]] uint16_t at(uint64_t hash) const { return slots_[hash % kSlots]; }

  /// Fillers take turns, as often as their weights say, each with its next slot that is free.
  void fill(std::vector<Filler> fillers) {
    slots_.assign(kSlots, kFree);
    if (fillers.empty()) return;
    // The order of turns must not depend on the order of the list.
    std::ranges::sort(fillers, {}, &Filler::token);
    const uint64_t heaviest = std::ranges::max(fillers, {}, &Filler::weight).weight;
    std::vector<Course> courses;
    courses.reserve(fillers.size());
    for (const Filler& filler : fillers) courses.emplace_back(filler.token);
    size_t taken = 0;
    for (uint64_t round = 1;; ++round) {
      for (size_t i = 0; i < fillers.size(); ++i) {
        Course& course = courses[i];
        if (round * fillers[i].weight < course.due) continue;
        course.due += heaviest;
        size_t slot = course.next();
        while (slots_[slot] != kFree) slot = course.next();
        slots_[slot] = fillers[i].index;
        if (++taken == kSlots) return;
      }
    }
  }

 private:
  /// One filler's order of the slots.
  struct Course {
    explicit Course(uint64_t token)
        : at(hash(token, 1) % kSlots), skip(hash(token, 2) % (kSlots - 1) + 1) {}

    size_t next() {
      const size_t slot = at;
      at += skip;
      if (at >= kSlots) at -= kSlots;
      return slot;
    }

    size_t at;
    size_t skip;
    uint64_t due = 0;  // round * weight at which its next turn comes
  };

  std::vector<uint16_t> slots_ = std::vector<uint16_t>(kSlots, kFree);
};

class MaglevHash final : public Scheduler {
 public:
  void update(std::span<const Candidate> candidates) override {
    assign(members_, candidates);
    usable_.assign(candidates.size(), 0);
    for (const Member& member : members_) usable_[member.index] = 1;
    std::vector<Filler> fillers;
    for (size_t i = 0; i < std::min(candidates.size(), size_t{kFree}); ++i) {
      if (candidates[i].weight == 0) continue;
      fillers.push_back({.token = candidates[i].token,
                         .weight = candidates[i].weight,
                         .index = static_cast<uint16_t>(i)});
    }
    if (fillers == fillers_) return;
    fillers_ = fillers;
    table_.fill(std::move(fillers));
  }

  std::optional<size_t> pick(const Query& query) override {
    if (members_.empty()) return std::nullopt;
    uint64_t key = hash(query.source_hash, 0);
    for (int attempt = 0; attempt < kRehashes; ++attempt) {
      const size_t index = table_.at(key);
      if (usable_[index] != 0 && !query.has_tried(index)) return index;
      key = hash(key, 0);
    }
    for (size_t step = 0; step < members_.size(); ++step) {
      const size_t index = members_[(key + step) % members_.size()].index;
      if (!query.has_tried(index)) return index;
    }
    return std::nullopt;
  }

 private:
  std::vector<Member> members_;
  std::vector<uint8_t> usable_;  // by index
  std::vector<Filler> fillers_;  // what the table was built from
  Table table_;
};

}  // namespace

std::unique_ptr<Scheduler> make_maglev_hash() {
  return std::make_unique<MaglevHash>();
}

}  // namespace hapair::lbcore::balance
