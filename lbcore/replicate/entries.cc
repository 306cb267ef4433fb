#include "lbcore/replicate/entries.h"

#include <algorithm>
#include <limits>

#include "lbcore/replicate/entry_digest.h"

namespace hapair::lbcore::replicate {

namespace {

uint32_t to_ms(Duration idle) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(idle).count();
  return static_cast<uint32_t>(
      std::clamp<int64_t>(ms, 0, int64_t{std::numeric_limits<uint32_t>::max()}));
}

template <typename Vector>
auto& grown(Vector& vector, size_t index) {
  if (index >= vector.size()) vector.resize(index + 1);
  return vector[index];
}

}  // namespace

void EntryEncoder::restart() {
  pools_.clear();
  servers_.clear();
  next_pool_ = next_server_ = 1;
}

uint32_t EntryEncoder::pool_number(PoolId pool, wire::Batch& batch) {
  auto& number = grown(pools_, pool);
  if (number == 0) {
    number = next_pool_++;
    auto* name = batch.add_pools();
    name->set_number(number);
    name->set_name(std::string(tables_->pool_name(pool)));
  }
  return number;
}

uint32_t EntryEncoder::server_number(ServerId server, wire::Batch& batch) {
  if (server < servers_.size() && servers_[server].number != 0) return servers_[server].number;
  const ServerName name = tables_->server_name(server);
  const uint32_t pool = pool_number(name.pool, batch);
  auto& known = grown(servers_, server);
  known.number = next_server_++;
  known.factor = server_factor(tables_->pool_name(name.pool), name.address);
  auto* entry = batch.add_servers();
  entry->set_number(known.number);
  entry->set_pool(pool);
  entry->set_address(name.address.to_string());
  return known.number;
}

void EntryEncoder::encode(std::span<const sticky::SessionChange> entries, wire::Batch& batch) {
  wire::Run* run = nullptr;
  PoolId run_pool = 0;
  for (const auto& entry : entries) {
    const auto key = entry.session.key.bytes();
    if (run == nullptr || run_pool != entry.pool || run->key_bytes() != key.size() ||
        run->removed() != entry.removed) {
      const uint32_t pool = pool_number(entry.pool, batch);
      run = batch.add_runs();
      run_pool = entry.pool;
      run->set_pool(pool);
      run->set_key_bytes(static_cast<uint32_t>(key.size()));
      run->set_removed(entry.removed);
    }
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): bytes to bytes
    run->mutable_keys()->append(reinterpret_cast<const char*>(key.data()), key.size());
    run->add_versions(entry.session.version);
    if (entry.removed) continue;
    run->add_servers(server_number(entry.session.server, batch));
    run->add_idle_ms(to_ms(entry.session.idle));
  }
}

uint64_t EntryEncoder::digest_of(std::span<const sticky::SessionChange> entries) const {
  uint64_t sum = 0;
  for (const auto& entry : entries) {
    sum += entry_hash(entry.session.key, entry.session.version) *
           servers_[entry.session.server].factor;
  }
  return sum;
}

void EntryDecoder::restart() {
  pools_.clear();
  servers_.clear();
}

Status EntryDecoder::define(const wire::Batch& batch) {
  for (const auto& name : batch.pools()) {
    if (name.number() != pools_.size() + 1)
      return fail("pool number {} out of turn", name.number());
    if (name.name().empty() || name.name().size() > kMaxNameBytes) return fail("pool name size");
    if (pools_.size() >= kMaxPools) return fail("more than {} pools", kMaxPools);
    pools_.push_back(tables_->pool(name.name()));
  }
  for (const auto& name : batch.servers()) {
    if (name.number() != servers_.size() + 1) {
      return fail("server number {} out of turn", name.number());
    }
    if (name.pool() == 0 || name.pool() > pools_.size()) return fail("server of an unknown pool");
    if (servers_.size() >= kMaxServers) return fail("more than {} servers", kMaxServers);
    const auto address = Endpoint::parse(name.address());
    if (!address) return fail("server address");
    const PoolId pool = pools_[name.pool() - 1];
    const ServerId id = tables_->server(pool, *address);
    servers_.push_back({pool, id});
    grown(factors_, id) = server_factor(tables_->pool_name(pool), *address);
  }
  return {};
}

Status EntryDecoder::decode(const wire::Run& run, std::vector<sticky::SessionChange>& out) const {
  const auto count = static_cast<size_t>(run.versions_size());
  const size_t width = run.key_bytes();
  if (width != 4 && width != 16) return fail("key of {} bytes", width);
  if (run.pool() == 0 || run.pool() > pools_.size()) return fail("entry of an unknown pool");
  const size_t puts = run.removed() ? 0 : count;
  if (run.keys().size() != count * width || static_cast<size_t>(run.servers_size()) != puts ||
      static_cast<size_t>(run.idle_ms_size()) != puts) {
    return fail("columns of different length");
  }
  if (out.size() + count > kMaxBatchEntries) return fail("more than {} entries", kMaxBatchEntries);
  const PoolId pool = pools_[run.pool() - 1];
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): bytes to bytes
  const auto* key = reinterpret_cast<const uint8_t*>(run.keys().data());
  for (size_t i = 0; i < count; ++i, key += width) {
    auto& entry = out.emplace_back();
    entry.pool = pool;
    entry.removed = run.removed();
    entry.session.key = width == 4 ? IpAddress::from_bytes(std::span<const uint8_t, 4>(key, 4))
                                   : IpAddress::from_bytes(std::span<const uint8_t, 16>(key, 16));
    entry.session.version = run.versions(static_cast<int>(i));
    if (entry.session.version == 0 || entry.session.version >= kMaxVersion) {
      return fail("version {}", entry.session.version);
    }
    if (entry.removed) continue;
    const uint32_t number = run.servers(static_cast<int>(i));
    if (number == 0 || number > servers_.size()) return fail("entry of an unknown server");
    if (servers_[number - 1].pool != pool) return fail("entry with another pool's server");
    entry.session.server = servers_[number - 1].id;
    entry.session.idle = std::chrono::milliseconds(run.idle_ms(static_cast<int>(i)));
  }
  return {};
}

Status EntryDecoder::decode(const wire::Batch& batch, std::vector<sticky::SessionChange>& out) {
  out.clear();
  if (auto status = define(batch); !status) return status;
  for (const auto& run : batch.runs()) {
    if (auto status = decode(run, out); !status) return status;
  }
  return {};
}

uint64_t EntryDecoder::digest_of(std::span<const sticky::SessionChange> entries) const {
  uint64_t sum = 0;
  for (const auto& entry : entries) {
    sum += entry_hash(entry.session.key, entry.session.version) * factors_[entry.session.server];
  }
  return sum;
}

}  // namespace hapair::lbcore::replicate
