#include "lbcore/limit/source_table.h"

#include <algorithm>

namespace hapair::lbcore::limit {

SourceTable::SourceTable(size_t entries, sticky::SipKey key)
    : hash_key_(key),
      mask_(entries / kWays - 1),
      buckets_(std::make_unique<Bucket[]>(entries / kWays)) {}

SourceTable::Verdict SourceTable::take(const IpAddress& client, const Limits& limits,
                                       TimePoint now) {
  const Key key = key_of(client);
  const size_t index = bucket_of(key);
  const std::lock_guard lock(locks_[index % kLocks]);
  Bucket& bucket = buckets_[index];
  Entry* entry = find(bucket, key);
  if (entry == nullptr) {
    entry = make_room(bucket);
    if (entry == nullptr) return Verdict::uncounted;
    *entry = {.client = key, .used = true};
  }
  if (limits.connections > 0 && entry->open >= limits.connections) return Verdict::connections;
  if (limits.rate > 0) {
    const auto next = arrive(entry->expected, limits.rate, now);
    if (!next) return Verdict::rate;
    entry->expected = *next;
  }
  ++entry->open;
  return Verdict::counted;
}

void SourceTable::give_back(const IpAddress& client) {
  const Key key = key_of(client);
  const size_t index = bucket_of(key);
  const std::lock_guard lock(locks_[index % kLocks]);
  // It is there: what has open connections never makes room.
  if (Entry* entry = find(buckets_[index], key); entry != nullptr && entry->open > 0) --entry->open;
}

uint32_t SourceTable::open(const IpAddress& client) const {
  const Key key = key_of(client);
  const size_t index = bucket_of(key);
  const std::lock_guard lock(locks_[index % kLocks]);
  const Entry* entry = find(buckets_[index], key);
  return entry == nullptr ? 0 : entry->open;
}

std::vector<SourceTable::Debtor> SourceTable::debtors(size_t most, TimePoint now) const {
  std::vector<Debtor> out;
  for (size_t index = 0; index <= mask_; ++index) {
    const std::lock_guard lock(locks_[index % kLocks]);
    for (const Entry& entry : buckets_[index]) {
      if (!entry.used) continue;
      const Duration owed = debt(entry.expected, now);
      if (owed > Duration::zero()) out.push_back({.client = entry.client, .debt = owed});
    }
  }
  if (out.size() > most) {
    const auto last = out.begin() + static_cast<ptrdiff_t>(most);
    std::nth_element(out.begin(), last, out.end(),
                     [](const Debtor& one, const Debtor& other) { return one.debt > other.debt; });
    out.erase(last, out.end());
  }
  return out;
}

void SourceTable::add_debt(const Debtor& debtor, TimePoint now) {
  const size_t index = bucket_of(debtor.client);
  const std::lock_guard lock(locks_[index % kLocks]);
  Bucket& bucket = buckets_[index];
  Entry* entry = find(bucket, debtor.client);
  if (entry == nullptr) {
    entry = make_room(bucket);
    if (entry == nullptr) return;
    *entry = {.client = debtor.client, .used = true};
  }
  entry->expected = with_debt(entry->expected, debtor.debt, now);
}

SourceTable::Key SourceTable::key_of(const IpAddress& client) {
  constexpr int kSubscriber = 64;
  Key key{};
  if (client.is_v4()) {
    key[10] = key[11] = 0xff;
    std::ranges::copy(client.bytes(), key.begin() + 12);
  } else {
    const IpAddress subscriber = client.masked(kSubscriber);
    std::ranges::copy(subscriber.bytes(), key.begin());
  }
  return key;
}

size_t SourceTable::bucket_of(const Key& key) const {
  return sticky::siphash<1, 3>(hash_key_, key) & mask_;
}

SourceTable::Entry* SourceTable::find(Bucket& bucket, const Key& key) {
  const auto found = std::ranges::find_if(
      bucket, [&](const Entry& entry) { return entry.used && entry.client == key; });
  return found == bucket.end() ? nullptr : &*found;
}

SourceTable::Entry* SourceTable::make_room(Bucket& bucket) {
  Entry* quietest = nullptr;
  for (Entry& entry : bucket) {
    if (!entry.used) return &entry;
    if (entry.open > 0) continue;
    if (quietest == nullptr || entry.expected < quietest->expected) quietest = &entry;
  }
  return quietest;
}

}  // namespace hapair::lbcore::limit
