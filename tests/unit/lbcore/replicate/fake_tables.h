// One node's session tables as plain maps, with the rules of SessionTable (versions above all seen,
// higher version wins, merging makes no change) and ServerIds and PoolIds that differ from node to
// node, as they do in life.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "lbcore/model/server_token.h"
#include "lbcore/replicate/entry_digest.h"
#include "lbcore/replicate/tables.h"
#include "lbcore/sticky/session_store.h"

namespace hapair::lbcore::replicate::test {

inline IpAddress client(uint32_t number) {
  return IpAddress::v4(0x0a000000U + number);
}
inline Endpoint backend(uint32_t number) {
  return {IpAddress::v4(0xc0a80000U + number), 8080};
}

class FakeTables : public Tables {
 public:
  struct Entry {
    Endpoint server;
    uint64_t version = 0;
    friend bool operator==(const Entry&, const Entry&) = default;
  };
  using Key = std::pair<std::string, IpAddress>;

  /// `first_number` makes this node's numbers differ from the other's.
  explicit FakeTables(const std::vector<std::string>& configured, uint32_t first_number = 0)
      : pool_names_(first_number, "unused"), servers_(first_number) {
    for (const auto& name : configured) configured_.push_back(pool(name));
  }

  // The node's own changes.
  void put(const std::string& pool_name, const IpAddress& key, const Endpoint& address) {
    const PoolId id = pool(pool_name);
    Entry& entry = entries_[{pool_name, key}];
    entry = {address, ++highest_};
    changes_.push_back({id, {key, server(id, address), entry.version, {}}, false});
  }
  void remove(const std::string& pool_name, const IpAddress& key) {
    const auto found = entries_.find({pool_name, key});
    if (found == entries_.end()) return;
    changes_.push_back({pool(pool_name), {key, 0, found->second.version, {}}, true});
    note_removed(found->first, found->second.version);
    entries_.erase(found);
  }
  std::vector<sticky::SessionChange> take_changes() { return std::exchange(changes_, {}); }

  // The peer's.
  void merge(const sticky::SessionChange& change, bool prefer_ours) {
    if (std::ranges::find(configured_, change.pool) == configured_.end()) return;
    const Key key{pool_names_[change.pool], change.session.key};
    highest_ = std::max(highest_, change.session.version);
    const auto ours = entries_.find(key);
    if (change.removed) {
      if (ours == entries_.end() || ours->second.version > change.session.version) return;
      note_removed(key, change.session.version);
      entries_.erase(ours);
      return;
    }
    if (ours != entries_.end() &&
        (ours->second.version > change.session.version ||
         (ours->second.version == change.session.version && prefer_ours))) {
      return;
    }
    entries_[key] = {servers_[change.session.server].address, change.session.version};
  }

  [[nodiscard]] std::vector<PoolDigest> digests() const {
    std::vector<PoolDigest> out;
    for (const PoolId id : configured_) {
      sticky::TableDigest digest;
      for (const auto& [key, entry] : entries_) {
        if (key.first != pool_names_[id]) continue;
        ++digest.entries;
        digest.sum += mix(entry_hash(key.second, entry.version) + server_token(entry.server));
      }
      out.push_back({id, digest});
    }
    return out;
  }
  [[nodiscard]] const std::map<Key, Entry>& entries() const { return entries_; }
  /// The highest version of each entry that was ever removed here.
  [[nodiscard]] const std::map<Key, uint64_t>& removed() const { return removed_; }
  void lose_everything() {
    entries_.clear();
    removed_.clear();
    changes_.clear();
    highest_ = 0;
  }
  /// Damage that no change announces.
  void sabotage(const std::string& pool_name, const IpAddress& key) {
    entries_.erase({pool_name, key});
  }

  // Tables.
  [[nodiscard]] std::vector<PoolId> pools() const override { return configured_; }
  [[nodiscard]] size_t size() const override { return entries_.size(); }
  std::optional<size_t> walk(PoolId id, size_t cursor, size_t most, TimePoint,
                             std::vector<sticky::Session>& out) const override {
    // The cursor is the next key (IPv4 only), so that what stays is seen once whatever changes
    // meanwhile.
    const Key from{pool_names_[id], IpAddress::v4(static_cast<uint32_t>(cursor))};
    auto at = entries_.lower_bound(from);
    for (; at != entries_.end() && at->first.first == from.first; ++at) {
      if (most-- == 0) return at->first.second.v4_host_order();
      const auto number = find_number(id, at->second.server);
      out.push_back({at->first.second, number, at->second.version, std::chrono::milliseconds(5)});
    }
    return std::nullopt;
  }
  [[nodiscard]] size_t size_of(PoolId id) const override {
    return static_cast<size_t>(std::ranges::count_if(
        entries_, [&](const auto& entry) { return entry.first.first == pool_names_[id]; }));
  }
  void expect(PoolId id, size_t entries) override { expected_[pool_names_[id]] = entries; }
  [[nodiscard]] const std::map<std::string, size_t>& expected() const { return expected_; }
  [[nodiscard]] std::string_view pool_name(PoolId id) const override { return pool_names_[id]; }
  [[nodiscard]] ServerName server_name(ServerId id) const override { return servers_[id]; }
  PoolId pool(std::string_view name) override {
    const auto found = std::ranges::find(pool_names_, name);
    if (found == pool_names_.end()) pool_names_.emplace_back(name);
    return static_cast<PoolId>(std::ranges::find(pool_names_, name) - pool_names_.begin());
  }
  ServerId server(PoolId id, const Endpoint& address) override {
    const ServerId number = find_number(id, address);
    if (number == servers_.size()) servers_.push_back({id, address});
    return number;
  }

 private:
  void note_removed(const Key& key, uint64_t version) {
    auto& noted = removed_[key];
    noted = std::max(noted, version);
  }
  [[nodiscard]] ServerId find_number(PoolId id, const Endpoint& address) const {
    const auto found = std::ranges::find_if(
        servers_, [&](const auto& s) { return s.pool == id && s.address == address; });
    return static_cast<ServerId>(found - servers_.begin());
  }

  std::vector<std::string> pool_names_;
  std::vector<ServerName> servers_;
  std::vector<PoolId> configured_;
  std::map<Key, Entry> entries_;
  std::map<Key, uint64_t> removed_;
  std::map<std::string, size_t> expected_;
  std::vector<sticky::SessionChange> changes_;
  uint64_t highest_ = 0;
};

}  // namespace hapair::lbcore::replicate::test
