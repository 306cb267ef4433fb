// The flows of one UDP service on one worker, found by who the client is, in the order of their
// last use. Pure: time is an argument, nodes belong to the caller, and nothing is allocated for a
// datagram of a known flow.
//
// Strangers choose the keys, so they are hashed with a secret (SipHash-1-3). One idle timeout holds
// for the whole table: the flow unused for longest is the next to expire, and the one to give up
// when there are too many.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/clock.h"
#include "lbcore/sticky/siphash.h"

namespace hapair::lbcore::relay {

struct FlowKey {
  static constexpr uint32_t kAnyServer = UINT32_MAX;

  std::array<uint8_t, 16> address{};  // network order; IPv4 has the first four
  uint32_t scope = 0;                 // the interface of a link-local client
  uint32_t port = 0;                  // network order
  uint32_t server = kAnyServer;       // one-shot: answers of each server have a flow of their own

  friend bool operator==(const FlowKey&, const FlowKey&) = default;
};

/// What is put into a table derives from this; it must be removed before it is destroyed.
class FlowNode {
 public:
  explicit FlowNode(const FlowKey& key) : key_(key) {}
  FlowNode(const FlowNode&) = delete;
  FlowNode& operator=(const FlowNode&) = delete;

  [[nodiscard]] const FlowKey& key() const { return key_; }
  /// When a datagram went either way.
  [[nodiscard]] TimePoint last_used() const { return last_used_; }

 protected:
  ~FlowNode() = default;

 private:
  friend class FlowTable;
  const FlowKey key_;
  uint32_t hash_ = 0;
  TimePoint last_used_{};
  FlowNode* next_in_bucket_ = nullptr;
  FlowNode* newer_ = nullptr;
  FlowNode* older_ = nullptr;
};

class FlowTable {
 public:
  FlowTable(const sticky::SipKey& secret, Duration idle_timeout);
  FlowTable(const FlowTable&) = delete;
  FlowTable& operator=(const FlowTable&) = delete;

  [[nodiscard]] FlowNode* find(const FlowKey& key) const;
  /// Its key must not be there yet.
  void add(FlowNode& node, TimePoint now);
  void remove(FlowNode& node);
  /// A datagram went either way.
  void touch(FlowNode& node, TimePoint now);

  /// The one unused for longest; null when the table is empty.
  [[nodiscard]] FlowNode* oldest() const { return oldest_; }
  /// The oldest one if its time is over.
  [[nodiscard]] FlowNode* expired(TimePoint now) const;
  /// When to ask for expired ones next; nothing while the table is empty.
  [[nodiscard]] std::optional<TimePoint> next_expiry() const;
  /// Counts for the flows that are there as well.
  void set_idle_timeout(Duration timeout) { idle_timeout_ = timeout; }

  [[nodiscard]] size_t size() const { return size_; }

 private:
  [[nodiscard]] uint32_t hash_of(const FlowKey& key) const;
  [[nodiscard]] size_t bucket(uint32_t hash) const { return hash & (buckets_.size() - 1); }
  void grow();
  void link_newest(FlowNode& node);
  void unlink(FlowNode& node);

  const sticky::SipKey secret_;
  Duration idle_timeout_;
  std::vector<FlowNode*> buckets_;  // a power of two of them, at least as many as nodes
  size_t size_ = 0;
  FlowNode* newest_ = nullptr;
  FlowNode* oldest_ = nullptr;
};

}  // namespace hapair::lbcore::relay
