// Sessions to columns of a Batch and back, with the dictionary of one direction of one connection:
// pools and servers are numbered in the order of their first use, and defined in the frame of that
// first use. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/result.h"
#include "lbcore/replicate/replication.pb.h"
#include "lbcore/replicate/tables.h"
#include "lbcore/sticky/session_store.h"

namespace hapair::lbcore::replicate {

inline constexpr size_t kMaxBatchEntries = 4096;  // accepted in one frame
inline constexpr size_t kMaxNameBytes = 256;      // of a pool or node
inline constexpr size_t kMaxPools = 4096;         // in one connection's dictionary
inline constexpr size_t kMaxServers = size_t{1} << 16;
inline constexpr uint64_t kMaxVersion =
    uint64_t{1} << 47;  // of the table's 48 bits: a put has room to be newer

class EntryEncoder {
 public:
  explicit EntryEncoder(const Tables& tables) : tables_(&tables) {}

  void restart();  // at SnapshotBegin: an empty dictionary
  /// Appends to `batch`.
  void encode(std::span<const sticky::SessionChange> entries, wire::Batch& batch);
  /// Of entries that encode() was given since restart().
  [[nodiscard]] uint64_t digest_of(std::span<const sticky::SessionChange> entries) const;

 private:
  struct Known {
    uint32_t number = 0;  // 0: not defined yet
    uint64_t factor = 0;
  };
  uint32_t pool_number(PoolId pool, wire::Batch& batch);
  uint32_t server_number(ServerId server, wire::Batch& batch);

  const Tables* tables_;
  std::vector<uint32_t> pools_;  // by PoolId
  std::vector<Known> servers_;   // by ServerId
  uint32_t next_pool_ = 1;
  uint32_t next_server_ = 1;
};

class EntryDecoder {
 public:
  explicit EntryDecoder(Tables& tables) : tables_(&tables) {}

  void restart();
  /// Replaces `out`; an error names the field. What was defined before the error stays: the link is
  /// dropped anyway.
  Status decode(const wire::Batch& batch, std::vector<sticky::SessionChange>& out);
  [[nodiscard]] uint64_t digest_of(std::span<const sticky::SessionChange> entries) const;

 private:
  struct Known {
    PoolId pool = 0;
    ServerId id = 0;
  };
  Status define(const wire::Batch& batch);
  Status decode(const wire::Run& run, std::vector<sticky::SessionChange>& out) const;

  Tables* tables_;
  std::vector<PoolId> pools_;      // by number - 1
  std::vector<Known> servers_;     // by number - 1
  std::vector<uint64_t> factors_;  // by ServerId
};

}  // namespace hapair::lbcore::replicate
