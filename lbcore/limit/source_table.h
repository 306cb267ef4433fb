// How many connections each client address has open, and how fast they come. One table per service
// with such limits, shared by all workers, so that the limits are exact. Pure but for its locks,
// which no system call happens under.
//
// Bounded: the memory is fixed. A client's place is one of the eight of a bucket, chosen by a keyed
// hash, so that nobody can prepare addresses that crowd others out. An entry without open
// connections makes room when all eight are taken, the one that was quiet for longest first. Should
// all eight have open connections, a ninth client is let in uncounted: a full table must not turn
// honest clients away.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "common/address.h"
#include "common/clock.h"
#include "lbcore/limit/rate.h"
#include "lbcore/sticky/siphash.h"

namespace hapair::lbcore::limit {

class SourceTable {
 public:
  struct Limits {
    uint32_t connections = 0;  // open at a time; 0: no limit
    uint32_t rate = 0;         // new ones per second; 0: no limit
  };
  enum class Verdict : uint8_t {
    counted,      // give it back when the connection is over
    uncounted,    // let in, the table being full
    connections,  // refused: it has too many open
    rate,         // refused: it opens too many per second
  };
  static constexpr size_t kEntries = size_t{1} << 15;  // of 32 bytes

  /// `entries` must be a power of two and at least 8.
  explicit SourceTable(size_t entries = kEntries, sticky::SipKey key = sticky::random_sip_key());

  Verdict take(const IpAddress& client, const Limits& limits, TimePoint now);
  void give_back(const IpAddress& client);

  using Key = std::array<uint8_t, 16>;  // a whole IPv4 address (mapped), or the /64 of an IPv6 one
  struct Debtor {
    Key client{};
    Duration debt{0};
  };
  /// Those who are most ahead of what `rate` allows (rate.h), at most `most`. Looks at the whole
  /// table, a bucket at a time.
  [[nodiscard]] std::vector<Debtor> debtors(size_t most, TimePoint now) const;
  /// What a client did elsewhere is added to what it did here.
  void add_debt(const Debtor& debtor, TimePoint now);

  /// Open connections of this client that are counted.
  [[nodiscard]] uint32_t open(const IpAddress& client) const;

 private:
  static constexpr size_t kWays = 8;
  static constexpr size_t kLocks = 64;
  struct Entry {
    Key client{};
    Arrival expected = 0;
    uint32_t open = 0;
    bool used = false;
  };
  using Bucket = std::array<Entry, kWays>;

  /// A whole IPv4 address; of IPv6 the /64 that one subscriber has.
  static Key key_of(const IpAddress& client);
  [[nodiscard]] size_t bucket_of(const Key& key) const;
  static Entry* find(Bucket& bucket, const Key& key);
  static Entry* make_room(Bucket& bucket);

  sticky::SipKey hash_key_;
  size_t mask_;
  std::unique_ptr<Bucket[]> buckets_;
  mutable std::array<std::mutex, kLocks> locks_;
};

}  // namespace hapair::lbcore::limit
