// The table against the simplest thing that could be right: a std::map and a list, driven by the
// same random calls.

#include <algorithm>
#include <map>
#include <random>

#include <gtest/gtest.h>

#include "lbcore/sticky/session_table.h"
#include "tests/unit/lbcore/sticky/fixture.h"

namespace hapair::lbcore::sticky {
namespace {

constexpr size_t kMaxEntries = 300;
constexpr Duration kTimeout = 10s;
constexpr uint32_t kClients = 500;
constexpr ServerId kServers = 5;

struct Model {
  struct Entry {
    ServerId server = 0;
    uint64_t version = 0;
    TimePoint last_used;
    uint64_t order = 0;  // of the last use
  };
  std::map<IpAddress, Entry> entries;
  uint64_t highest = 0;
  uint64_t uses = 0;
  TimePoint floor = TimePoint::min();

  [[nodiscard]] auto oldest() {
    return std::min_element(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
      return a.second.order < b.second.order;
    });
  }
  [[nodiscard]] TimePoint last_used(const Entry& entry) const {
    return std::max(entry.last_used, floor);
  }
  void touch(Entry& entry, TimePoint now) {
    entry.last_used = now;
    entry.order = ++uses;
  }
};

class SessionTableModel : public testing::TestWithParam<uint32_t> {
 protected:
  SessionTableModel() {
    for (const auto& server : servers_) table_.introduce(server);
  }

  /// Mixed families, from the same range of numbers.
  IpAddress random_client() {
    const uint32_t n = random_() % kClients;
    if (n % 3 != 0) return client(n);
    std::array<uint8_t, 16> bytes{0x20, 0x01, 0x0d, 0xb8};
    bytes[14] = static_cast<uint8_t>(n >> 8);
    bytes[15] = static_cast<uint8_t>(n);
    return IpAddress::from_bytes(std::span<const uint8_t, 16>(bytes));
  }

  void step();
  void compare() const;

  std::mt19937 random_{GetParam()};
  std::vector<std::shared_ptr<LiveServer>> servers_ = [] {
    std::vector<std::shared_ptr<LiveServer>> out;
    for (ServerId id = 0; id < kServers; ++id) out.push_back(make_server(id));
    return out;
  }();
  SessionTable table_{{.max_entries = kMaxEntries, .timeout = kTimeout}};
  Model model_;
  TimePoint now_ = kStart;
};

void SessionTableModel::step() {
  now_ += std::chrono::milliseconds(random_() % 20);
  const IpAddress key = random_client();
  const auto server = static_cast<ServerId>(random_() % kServers);
  const auto known = model_.entries.find(key);
  const bool there = known != model_.entries.end();

  switch (random_() % 16) {
    case 0:
    case 1:
    case 2:
    case 3: {
      const auto found = table_.use(key, now_);
      ASSERT_EQ(found.has_value(), there);
      if (!there) break;
      ASSERT_EQ(*found, known->second.server);
      model_.touch(known->second, now_);
      break;
    }
    case 4: {
      const auto version = model_.highest == 0 ? 1 : 1 + random_() % (model_.highest + 3);
      const bool prefer_ours = random_() % 2 == 0;
      const bool taken = !there || version > known->second.version ||
                         (version == known->second.version && !prefer_ours);
      ASSERT_EQ(table_.merge({.key = key, .server = server, .version = version}, now_, prefer_ours),
                taken);
      model_.highest = std::max<uint64_t>(model_.highest, version);
      if (!taken) break;
      Model::Entry& entry = model_.entries[key];
      entry.server = server;
      entry.version = version;
      model_.touch(entry, now_);
      break;
    }
    case 5: {
      const uint64_t version = random_() % (model_.highest + 2);
      const bool removed = there && known->second.version <= version;
      ASSERT_EQ(table_.erase(key, version), removed);
      model_.highest = std::max(model_.highest, version);
      if (removed) model_.entries.erase(known);
      break;
    }
    case 6: {
      for (const Session& session : table_.expire(now_, 1 + random_() % 20)) {
        const auto oldest = model_.oldest();
        ASSERT_EQ(session.key, oldest->first);
        ASSERT_GE(now_ - model_.last_used(oldest->second), kTimeout);
        model_.entries.erase(oldest);
      }
      break;
    }
    case 7: {
      if (random_() % 50 == 0) {
        table_.restart_timeouts(now_);
        model_.floor = now_;
      } else if (random_() % 50 == 0) {
        std::vector<Session> removed;
        for (std::optional<size_t> cursor = 0; cursor;) {
          cursor = table_.erase_server(server, *cursor, 16, now_, removed);
        }
        ASSERT_EQ(removed.size(), std::erase_if(model_.entries, [&](const auto& entry) {
                    return entry.second.server == server;
                  }));
      }
      break;
    }
    default: {
      const auto put = table_.put(key, server, now_);
      if (!there && model_.entries.size() >= kMaxEntries) {
        const auto oldest = model_.oldest();
        ASSERT_TRUE(put.evicted);
        ASSERT_EQ(put.evicted->key, oldest->first);
        model_.entries.erase(oldest);
      } else {
        ASSERT_FALSE(put.evicted);
      }
      const bool changed = !there || known->second.server != server;
      ASSERT_EQ(put.changed, changed);
      Model::Entry& entry = model_.entries[key];
      if (changed) entry.version = ++model_.highest;
      entry.server = server;
      ASSERT_EQ(put.session.version, entry.version);
      model_.touch(entry, now_);
    }
  }
}

void SessionTableModel::compare() const {
  ASSERT_EQ(table_.size(), model_.entries.size());
  ASSERT_EQ(table_.highest_version(), model_.highest);
  std::vector<Session> all;
  for (std::optional<size_t> cursor = 0; cursor;) {
    cursor = table_.walk(*cursor, 50, now_, all);
  }
  ASSERT_EQ(all.size(), model_.entries.size());
  std::array<uint32_t, kServers> per_server{};
  // A table that learnt the same in another order has the same digest.
  SessionTable copy({.max_entries = kMaxEntries, .timeout = kTimeout});
  for (ServerId id = 0; id < kServers; ++id) copy.introduce(make_server(id));
  for (const Session& session : all) {
    const auto known = model_.entries.find(session.key);
    ASSERT_NE(known, model_.entries.end());
    ASSERT_EQ(session.server, known->second.server);
    ASSERT_EQ(session.version, known->second.version);
    ASSERT_EQ(session.idle, now_ - model_.last_used(known->second));
    ++per_server[session.server];
    copy.merge(session, now_, false);
  }
  ASSERT_EQ(copy.digest(), table_.digest());
  for (ServerId id = 0; id < kServers; ++id) {
    ASSERT_EQ(table_.sessions_of(id), per_server[id]);
    ASSERT_EQ(servers_[id]->sessions.load(), per_server[id]);
  }
}

TEST_P(SessionTableModel, BehavesLikeAMap) {
  for (int i = 0; i < 20'000; ++i) {
    ASSERT_NO_FATAL_FAILURE(step()) << "step " << i;
    if (i % 500 == 0) {
      ASSERT_NO_FATAL_FAILURE(compare()) << "step " << i;
    }
  }
  compare();
}

INSTANTIATE_TEST_SUITE_P(Seeds, SessionTableModel, testing::Range(1U, 9U));

}  // namespace
}  // namespace hapair::lbcore::sticky
