// The sessions on their way to the new process: all of them in slices, beside them every change,
// in the batches of replication. The new process takes over without a gap because changes go on
// until the old one has ended: a connection that was accepted before may make a session after.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/clock.h"
#include "common/result.h"
#include "lbcore/replicate/entries.h"
#include "lbcore/replicate/store_tables.h"
#include "lbcore/sticky/session_store.h"
#include "lbcore/upgrade/upgrade.pb.h"

namespace hapair::lbcore::upgrade {

/// The old process's half.
class SessionSource {
 public:
  using Emit = std::function<void(wire::FromOld message)>;

  SessionSource(Registry& registry, sticky::SessionStore& store, Emit emit);

  /// Emits the next slice of what there is; false: that was all.
  bool slice(TimePoint now);
  void changes(const sticky::SessionStore::Changes& changes);
  /// Changes were lost: the new process lacks sessions until the peer gives them.
  [[nodiscard]] bool overflowed() const { return overflowed_; }

 private:
  void emit(std::span<const sticky::SessionChange> entries);

  replicate::StoreTables tables_;
  replicate::EntryEncoder encoder_;
  Emit emit_;
  std::vector<PoolId> pools_;
  size_t pool_ = 0;
  size_t cursor_ = 0;
  std::vector<sticky::Session> some_;
  std::vector<sticky::SessionChange> entries_;
  bool overflowed_ = false;
};

/// The new process's half.
class SessionSink {
 public:
  SessionSink(Registry& registry, sticky::SessionStore& store);

  /// `serving`: this process makes sessions itself, and what comes is news to the peer as well.
  Status take(const replicate::wire::Batch& batch, bool serving, TimePoint now);

 private:
  sticky::SessionStore& store_;
  replicate::StoreTables tables_;
  replicate::EntryDecoder decoder_;
  std::vector<sticky::SessionChange> entries_;
};

}  // namespace hapair::lbcore::upgrade
