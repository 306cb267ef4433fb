#include "lbcore/model/runtime_records.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <xxhash.h>

#include "lbcore/model/reload.h"

namespace hapair::lbcore {

namespace {

constexpr uint64_t kMostVersion = uint64_t{1} << 62;
constexpr size_t kMostNameBytes = 255;
constexpr uint64_t kMostStickyMs = uint64_t{31} * 24 * 3600 * 1000;

uint32_t seconds(Duration duration) {
  return static_cast<uint32_t>(std::chrono::duration_cast<std::chrono::seconds>(duration).count());
}

// ---- what a record is about

bool is_name(const std::string& text) {
  return !text.empty() && text.size() <= kMostNameBytes &&
         std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

/// The name under which it is known; empty when it makes no sense. Addresses as Endpoint writes
/// them, so that one thing has one name.
std::string name_of(const RuntimeRecord& record) {
  switch (record.item_case()) {
    case RuntimeRecord::kTimeouts:
      return "timeouts";
    case RuntimeRecord::kPool:
      return is_name(record.pool().name()) ? "pool " + record.pool().name() : std::string();
    case RuntimeRecord::kServer: {
      const auto address = Endpoint::parse(record.server().address());
      if (!is_name(record.server().pool()) || !address) return {};
      return fmt::format("server {} {}", record.server().pool(), address->to_string());
    }
    case RuntimeRecord::kService: {
      const auto listen = Endpoint::parse(record.service().listen());
      if (!listen) return {};
      const bool udp = record.service().protocol() == control::PROTOCOL_UDP;
      return fmt::format("service {} {}", udp ? "udp" : "tcp", listen->to_string());
    }
    case RuntimeRecord::ITEM_NOT_SET:
      break;
  }
  return {};
}

/// Calls `with` with the item of the record, whatever kind it is.
template <typename Record, typename With>
void with_item(Record& record, With with) {
  switch (record.item_case()) {
    case RuntimeRecord::kTimeouts:
      return with(record.timeouts());
    case RuntimeRecord::kPool:
      return with(record.pool());
    case RuntimeRecord::kServer:
      return with(record.server());
    case RuntimeRecord::kService:
      return with(record.service());
    case RuntimeRecord::ITEM_NOT_SET:
      break;
  }
}

/// It only says that there was a change once.
bool is_over(const RuntimeRecord& record) {
  bool over = true;
  with_item(record, [&](const auto& item) { over = !item.has_base() && !item.has_now(); });
  return over;
}

void end(RuntimeRecord& record) {
  const auto clear = [](auto& item) {
    item.clear_base();
    item.clear_now();
  };
  if (record.has_timeouts()) clear(*record.mutable_timeouts());
  if (record.has_pool()) clear(*record.mutable_pool());
  if (record.has_server()) clear(*record.mutable_server());
  if (record.has_service()) clear(*record.mutable_service());
}

/// What it says, without when it was said.
std::string content(const RuntimeRecord& record) {
  std::string out;
  with_item(record, [&](const auto& item) { out = item.SerializeAsString(); });
  return out;
}

// ---- from a Spec

runtime::Timeouts::Values values_of(const Timeouts& timeouts) {
  runtime::Timeouts::Values out;
  out.set_tcp(seconds(timeouts.tcp));
  out.set_tcp_fin(seconds(timeouts.tcp_fin));
  out.set_udp(seconds(timeouts.udp));
  return out;
}

runtime::Pool::Values values_of(const PoolSpec& pool) {
  runtime::Pool::Values out;
  out.set_scheduler(std::string(name(pool.scheduler)));
  out.set_sticky_ms(static_cast<uint64_t>(pool.sticky.timeout / 1ms));
  out.set_prefix_v4(static_cast<uint32_t>(pool.sticky.prefix_v4));
  out.set_prefix_v6(static_cast<uint32_t>(pool.sticky.prefix_v6));
  return out;
}

runtime::Server::Values values_of(const ServerSpec& server) {
  runtime::Server::Values out;
  out.set_name(server.name);
  out.set_weight(server.weight);
  out.set_admin(std::string(name(server.admin)));
  out.set_max_connections(server.max_connections);
  out.set_min_connections(server.min_connections);
  out.set_backup(server.backup);
  return out;
}

runtime::Service::Values values_of(const ServiceSpec& service) {
  runtime::Service::Values out;
  out.set_name(service.name);
  out.set_pool(service.pool);
  out.set_one_shot(service.one_shot);
  return out;
}

/// Collects records of what differs; null: it does not exist there.
class Differences {
 public:
  void timeouts(const Timeouts& file, const Timeouts& running) {
    if (file == running) return;
    RuntimeRecord record;
    *record.mutable_timeouts()->mutable_base() = values_of(file);
    *record.mutable_timeouts()->mutable_now() = values_of(running);
    add(std::move(record));
  }
  void pool(const PoolSpec* file, const PoolSpec* running) {
    const bool same = file != nullptr && running != nullptr &&
                      file->scheduler == running->scheduler && file->sticky == running->sticky;
    if (!same) {
      RuntimeRecord record;
      auto& item = *record.mutable_pool();
      item.set_name(file != nullptr ? file->name : running->name);
      set(item, file, running);
      if (file == nullptr) {
        const bool unchecked = running->check.kind == health::CheckKind::none;
        item.mutable_now()->set_unchecked(unchecked);
      }
      add(std::move(record));
    }
    if (running == nullptr) return;  // its servers went with it
    for (const ServerSpec& server : running->servers) {
      this->server(running->name, file == nullptr ? nullptr : file->find_server(server.address),
                   &server);
    }
    if (file == nullptr) return;
    for (const ServerSpec& server : file->servers) {
      if (running->find_server(server.address) == nullptr) {
        this->server(file->name, &server, nullptr);
      }
    }
  }
  void service(const ServiceSpec* file, const ServiceSpec* running) {
    if (file != nullptr && running != nullptr && file->name == running->name &&
        file->pool == running->pool && file->one_shot == running->one_shot) {
      return;
    }
    const ServiceSpec& any = file != nullptr ? *file : *running;
    RuntimeRecord record;
    auto& item = *record.mutable_service();
    item.set_protocol(any.protocol == Protocol::udp ? control::PROTOCOL_UDP
                                                    : control::PROTOCOL_TCP);
    item.set_listen(any.listen.to_string());
    set(item, file, running);
    add(std::move(record));
  }

  std::map<std::string, RuntimeRecord> take() { return std::move(records_); }

 private:
  void server(const std::string& pool, const ServerSpec* file, const ServerSpec* running) {
    if (file != nullptr && running != nullptr && *file == *running) return;
    RuntimeRecord record;
    auto& item = *record.mutable_server();
    item.set_pool(pool);
    item.set_address((file != nullptr ? file : running)->address.to_string());
    set(item, file, running);
    add(std::move(record));
  }
  template <typename Item, typename Thing>
  static void set(Item& item, const Thing* file, const Thing* running) {
    if (file != nullptr) *item.mutable_base() = values_of(*file);
    if (running != nullptr) *item.mutable_now() = values_of(*running);
  }
  void add(RuntimeRecord record) {
    record.set_order(records_.size());
    std::string name = name_of(record);
    records_.emplace(std::move(name), std::move(record));
  }

  std::map<std::string, RuntimeRecord> records_;
};

// ---- to a Spec

bool is_legible(const runtime::Timeouts::Values& values) {
  const auto fits = [](uint32_t value) {
    return value > 0 && std::chrono::seconds(value) <= kMostTimeout;
  };
  return fits(values.tcp()) && fits(values.tcp_fin()) && fits(values.udp());
}
bool is_legible(const runtime::Pool::Values& values) {
  const auto fits = [](uint32_t prefix, uint32_t most) { return prefix >= 1 && prefix <= most; };
  return balance::parse_algorithm(values.scheduler()).has_value() &&
         values.sticky_ms() <= kMostStickyMs && fits(values.prefix_v4(), 32) &&
         fits(values.prefix_v6(), 128);
}
bool is_legible(const runtime::Server::Values& values) {
  return is_name(values.name()) && values.weight() <= kMaxWeight &&
         parse_admin(values.admin()).has_value() &&
         (values.max_connections() == 0 || values.min_connections() <= values.max_connections());
}
bool is_legible(const runtime::Service::Values& values) {
  return is_name(values.name()) && is_name(values.pool());
}

/// Makes a thing what one side of its record says; what pairadm cannot set stays as the file has
/// it.
class Writer {
 public:
  explicit Writer(Spec& spec) : spec_(spec) {}

  void put(const runtime::Timeouts&, const runtime::Timeouts::Values* values) {
    if (values == nullptr) return;
    spec_.timeouts = {.tcp = std::chrono::seconds(values->tcp()),
                      .tcp_fin = std::chrono::seconds(values->tcp_fin()),
                      .udp = std::chrono::seconds(values->udp())};
  }
  void put(const runtime::Pool& item, const runtime::Pool::Values* values) {
    if (values == nullptr) {
      std::erase_if(spec_.pools, [&](const PoolSpec& pool) { return pool.name == item.name(); });
      return;
    }
    PoolSpec* pool = spec_.find_pool(item.name());
    if (pool == nullptr) {
      spec_.pools.push_back({.name = item.name()});
      pool = &spec_.pools.back();
      if (values->unchecked()) pool->check.kind = health::CheckKind::none;
    }
    pool->scheduler = *balance::parse_algorithm(values->scheduler());
    pool->sticky = {.timeout = std::chrono::milliseconds(values->sticky_ms()),
                    .prefix_v4 = static_cast<int>(values->prefix_v4()),
                    .prefix_v6 = static_cast<int>(values->prefix_v6())};
  }
  void put(const runtime::Server& item, const runtime::Server::Values* values) {
    PoolSpec* pool = spec_.find_pool(item.pool());
    if (pool == nullptr) return;
    const Endpoint address = *Endpoint::parse(item.address());
    if (values == nullptr) {
      std::erase_if(pool->servers, [&](const ServerSpec& each) { return each.address == address; });
      return;
    }
    ServerSpec* server = pool->find_server(address);
    if (server == nullptr) server = &pool->servers.emplace_back();
    *server = {.name = values->name(),
               .address = address,
               .weight = values->weight(),
               .admin = *parse_admin(values->admin()),
               .max_connections = values->max_connections(),
               .min_connections = values->min_connections(),
               .backup = values->backup()};
  }
  void put(const runtime::Service& item, const runtime::Service::Values* values) {
    const bool udp = item.protocol() == control::PROTOCOL_UDP;
    const Protocol protocol = udp ? Protocol::udp : Protocol::tcp;
    const Endpoint listen = *Endpoint::parse(item.listen());
    if (values == nullptr) {
      std::erase_if(spec_.services, [&](const ServiceSpec& each) {
        return each.protocol == protocol && each.listen == listen;
      });
      return;
    }
    ServiceSpec* service = spec_.find_service(protocol, listen);
    if (service == nullptr) service = &spec_.services.emplace_back();
    // Of another name: deleted, and made anew.
    if (service->name != values->name()) {
      *service = {.name = values->name(), .protocol = protocol, .listen = listen};
    }
    service->pool = values->pool();
    service->one_shot = udp && values->one_shot();
  }

 private:
  Spec& spec_;
};

}  // namespace

RuntimeRecords::Known RuntimeRecords::differences(const Spec& file, const Spec& running) {
  Differences out;
  out.timeouts(file.timeouts, running.timeouts);
  for (const PoolSpec& pool : running.pools) out.pool(file.find_pool(pool.name), &pool);
  for (const PoolSpec& pool : file.pools) {
    if (running.find_pool(pool.name) == nullptr) out.pool(&pool, nullptr);
  }
  for (const ServiceSpec& service : running.services) {
    out.service(file.find_service(service.protocol, service.listen), &service);
  }
  for (const ServiceSpec& service : file.services) {
    if (running.find_service(service.protocol, service.listen) == nullptr) {
      out.service(&service, nullptr);
    }
  }
  return out.take();
}

bool RuntimeRecords::fits(const Spec& file, const Spec& running) const {
  return differences(file, running).size() <= kMost;
}

std::vector<RuntimeRecord> RuntimeRecords::note(const Spec& file, const Spec& running) {
  Known wanted = differences(file, running);
  std::vector<RuntimeRecord> changed;
  if (wanted.size() > kMost) return changed;
  uint64_t newest = 0;
  for (const auto& [name, known] : records_) newest = std::max(newest, known.order());
  for (auto& [name, known] : records_) {
    if (wanted.contains(name) || is_over(known)) continue;
    end(known);
    known.set_version(known.version() + 1);
    changed.push_back(known);
  }
  for (auto& [name, record] : wanted) {
    const auto known = records_.find(name);
    if (known == records_.end()) {
      record.set_version(1);
      record.set_order(record.order() + newest + 1);
    } else if (content(known->second) == content(record)) {
      continue;
    } else {
      record.set_version(known->second.version() + 1);
      record.set_order(is_over(known->second) ? record.order() + newest + 1
                                              : known->second.order());
    }
    changed.push_back(record);
    records_[name] = std::move(record);
  }
  make_room();
  digest_.reset();
  return changed;
}

void RuntimeRecords::begin(const Spec& file, const Spec& running) {
  records_ = differences(file, running);
  digest_.reset();
}

/// What is over is forgotten first, the oldest of it.
void RuntimeRecords::make_room() {
  while (records_.size() > kMost) {
    auto oldest = records_.end();
    for (auto at = records_.begin(); at != records_.end(); ++at) {
      if (!is_over(at->second)) continue;
      if (oldest == records_.end() || at->second.order() < oldest->second.order()) oldest = at;
    }
    if (oldest == records_.end()) return;
    records_.erase(oldest);
  }
}

bool RuntimeRecords::merge(const RuntimeRecord& record, bool prefer_ours_on_tie) {
  const std::string name = name_of(record);
  if (name.empty() || record.version() > kMostVersion) return false;
  const auto known = records_.find(name);
  if (known == records_.end()) {
    if (records_.size() >= kMost) return false;
    records_.emplace(name, record);
    digest_.reset();
    return true;
  }
  RuntimeRecord& ours = known->second;
  if (record.version() < ours.version()) return false;
  if (record.version() == ours.version()) {
    if (prefer_ours_on_tie || record.SerializeAsString() == ours.SerializeAsString()) return false;
  }
  ours = record;
  digest_.reset();
  return true;
}

Spec RuntimeRecords::spec(const Spec& file) const {
  std::vector<const RuntimeRecord*> in_order;
  for (const auto& [name, record] : records_) {
    if (!is_over(record)) in_order.push_back(&record);
  }
  // Pools before what is in them; otherwise as they were made.
  std::ranges::stable_sort(in_order, [](const auto* one, const auto* other) {
    return std::pair(!one->has_pool(), one->order()) <
           std::pair(!other->has_pool(), other->order());
  });
  Spec base = file;
  Spec now = file;
  for (const RuntimeRecord* record : in_order) {
    with_item(*record, [&](const auto& item) {
      const auto* before = item.has_base() ? &item.base() : nullptr;
      const auto* after = item.has_now() ? &item.now() : nullptr;
      if (before != nullptr && !is_legible(*before)) return;
      if (after != nullptr && !is_legible(*after)) return;
      Writer(base).put(item, before);
      Writer(now).put(item, after);
    });
  }
  return merge_reload(base, file, now);
}

std::vector<RuntimeRecord> RuntimeRecords::all() const {
  std::vector<RuntimeRecord> out;
  out.reserve(records_.size());
  for (const auto& [name, record] : records_) out.push_back(record);
  return out;
}

uint64_t RuntimeRecords::digest() const {
  if (digest_) return *digest_;
  uint64_t sum = 0;
  for (const auto& [name, record] : records_) {
    const std::string bytes = record.SerializeAsString();
    sum += XXH3_64bits(bytes.data(), bytes.size());
  }
  digest_ = sum;
  return sum;
}

}  // namespace hapair::lbcore
