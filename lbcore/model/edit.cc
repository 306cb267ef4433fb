#include "lbcore/model/edit.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace hapair::lbcore {

namespace {

constexpr uint32_t kMaxStickySeconds = 31 * 24 * 3600;  // as in IPVS

template <typename T>
using Edit = tl::expected<T, EditError>;

template <typename... Args>
tl::unexpected<EditError> refuse(control::Code code, fmt::format_string<Args...> format,
                                 Args&&... args) {
  return tl::unexpected(EditError{code, fmt::format(format, std::forward<Args>(args)...)});
}

struct Key {
  Protocol protocol = Protocol::tcp;
  Endpoint listen;

  [[nodiscard]] std::string text() const {
    return fmt::format("{} {}", protocol == Protocol::tcp ? "TCP" : "UDP", listen.to_string());
  }
};

Edit<Endpoint> endpoint(std::string_view what, const std::string& text) {
  auto parsed = Endpoint::parse(text);
  if (!parsed) return refuse(control::INVALID, "{}: {}", what, parsed.error().message);
  if (parsed->port == 0)
    return refuse(control::INVALID,
                  "{} {}: port 0 (every port) needs the kernel data path, not built yet", what,
                  text);
  return *parsed;
}

Edit<Key> service_key(const control::ServiceKey& key) {
  auto listen = endpoint("service", key.listen());
  if (!listen) return tl::unexpected(listen.error());
  const auto protocol = key.protocol() == control::PROTOCOL_UDP ? Protocol::udp : Protocol::tcp;
  return Key{.protocol = protocol, .listen = *listen};
}

/// IPVS's words: an edit of a service misses a "service", an edit of its servers one that is "not
/// defined".
tl::unexpected<EditError> no_service(std::string_view words, const Key& key) {
  return refuse(control::NOT_FOUND, "{}: {}", words, key.text());
}

/// A service that the Spec has, and its pool.
struct Found {
  ServiceSpec* service = nullptr;
  PoolSpec* pool = nullptr;
};

Edit<Found> find(Spec& spec, const Key& key, std::string_view words) {
  ServiceSpec* service = spec.find_service(key.protocol, key.listen);
  if (service == nullptr) return no_service(words, key);
  PoolSpec* pool = spec.find_pool(service->pool);
  if (pool == nullptr)
    return refuse(control::FAILED, "{}: its pool {} does not exist", key.text(), service->pool);
  return Found{service, pool};
}

/// Marks every service that the change reaches, and says so when it is more than the one that was
/// named.
std::string touch(Spec& spec, const ServiceSpec& named) {
  std::vector<std::string_view> others;
  for (ServiceSpec& service : spec.services) {
    if (service.pool != named.pool) continue;
    service.runtime = true;
    if (service.name != named.name) others.push_back(service.name);
  }
  if (others.empty()) return {};
  return fmt::format("pool {} is shared: the change holds for {} as well", named.pool,
                     fmt::join(others, ", "));
}

std::optional<EditError> set_options(PoolSpec& pool, const control::ServiceEdit& edit,
                                     const Key& key) {
  if (edit.has_scheduler()) {
    auto algorithm = balance::parse_algorithm(edit.scheduler());
    if (!algorithm) return EditError{control::INVALID, algorithm.error().message};
    pool.scheduler = *algorithm;
  }
  if (edit.has_sticky_seconds()) {
    if (edit.sticky_seconds() > kMaxStickySeconds)
      return EditError{control::INVALID,
                       fmt::format("persistent timeout {}: 1 .. {} seconds, 0 turns it off",
                                   edit.sticky_seconds(), kMaxStickySeconds)};
    pool.sticky.timeout = std::chrono::seconds(edit.sticky_seconds());
  }
  if (edit.has_sticky_prefix_length()) {
    const auto most = static_cast<uint32_t>(key.listen.ip.bits());
    const uint32_t length = edit.sticky_prefix_length();
    if (length < 1 || length > most)
      return EditError{
          control::INVALID,
          fmt::format("netmask: prefix length {} is not within 1 .. {}", length, most)};
    if (!pool.sticky.enabled())
      return EditError{control::INVALID,
                       fmt::format("{} is not persistent: a netmask needs -p", key.text())};
    (key.listen.ip.is_v4() ? pool.sticky.prefix_v4 : pool.sticky.prefix_v6) =
        static_cast<int>(length);
  }
  return std::nullopt;
}

std::optional<EditError> set_one_shot(ServiceSpec& service, const control::ServiceEdit& edit) {
  if (!edit.has_one_shot() || edit.one_shot() == service.one_shot) return std::nullopt;
  if (service.protocol != Protocol::udp)
    return EditError{control::INVALID, "one-shot scheduling is for UDP services"};
  service.one_shot = edit.one_shot();
  return std::nullopt;
}

Edit<Edited> add_service(Spec spec, const control::ServiceEdit& edit) {
  auto key = service_key(edit.key());
  if (!key) return tl::unexpected(key.error());
  if (const ServiceSpec* there = spec.find_service(key->protocol, key->listen))
    return refuse(control::ALREADY_EXISTS, "Service already exists: {} ({})", key->text(),
                  there->name);
  PoolSpec pool;
  pool.name = runtime_name(key->protocol, key->listen);
  const bool name_taken =
      spec.find_pool(pool.name) != nullptr ||
      std::ranges::any_of(spec.services, [&](const auto& s) { return s.name == pool.name; });
  if (name_taken)
    return refuse(control::ALREADY_EXISTS, "the name {} is taken by another service or pool",
                  pool.name);
  if (auto error = set_options(pool, edit, *key)) return tl::unexpected(std::move(*error));
  ServiceSpec service{.name = pool.name,
                      .protocol = key->protocol,
                      .listen = key->listen,
                      .pool = pool.name,
                      .runtime = true};
  if (auto error = set_one_shot(service, edit)) return tl::unexpected(std::move(*error));
  // The default check asks over TCP, where a UDP server need not listen.
  if (key->protocol == Protocol::udp) pool.check.kind = health::CheckKind::none;
  spec.services.push_back(std::move(service));
  spec.pools.push_back(std::move(pool));
  return Edited{std::move(spec), "add service " + key->text(), {}};
}

Edit<Edited> edit_service(Spec spec, const control::ServiceEdit& edit) {
  auto key = service_key(edit.key());
  if (!key) return tl::unexpected(key.error());
  auto found = find(spec, *key, "No such service");
  if (!found) return tl::unexpected(found.error());
  if (auto error = set_options(*found->pool, edit, *key)) return tl::unexpected(std::move(*error));
  if (auto error = set_one_shot(*found->service, edit)) return tl::unexpected(std::move(*error));
  std::string note = touch(spec, *found->service);
  return Edited{std::move(spec), "edit service " + key->text(), std::move(note)};
}

Edit<Edited> delete_service(Spec spec, const control::ServiceKey& request) {
  auto key = service_key(request);
  if (!key) return tl::unexpected(key.error());
  auto found = find(spec, *key, "No such service");
  if (!found) return tl::unexpected(found.error());
  const std::string pool = found->service->pool;
  std::erase_if(spec.services, [&](const ServiceSpec& service) {
    return service.protocol == key->protocol && service.listen == key->listen;
  });
  const bool used =
      std::ranges::any_of(spec.services, [&](const auto& service) { return service.pool == pool; });
  if (!used) std::erase_if(spec.pools, [&](const PoolSpec& p) { return p.name == pool; });
  return Edited{std::move(spec), "delete service " + key->text(), {}};
}

/// -g, -i and -m are the kernel's business: packets, not connections.
std::optional<EditError> check_forward(const control::ServerEdit& edit) {
  if (!edit.has_forward() || edit.forward() == "proxy") return std::nullopt;
  if (edit.forward() == "masq" || edit.forward() == "route" || edit.forward() == "tunnel")
    return EditError{control::UNSUPPORTED,
                     fmt::format("forwarding method {} needs the kernel data path, not built yet; "
                                 "proxy is offered",
                                 edit.forward())};
  return EditError{
      control::INVALID,
      fmt::format("forwarding method {} is unknown; proxy is offered", edit.forward())};
}

/// Finds the service of a server command, and the server when it is there.
struct FoundServer {
  Key key;
  Endpoint address;
  Found in;
  ServerSpec* server = nullptr;

  [[nodiscard]] std::string text() const {
    return fmt::format("{} of {}", address.to_string(), key.text());
  }
};

Edit<FoundServer> find_server(Spec& spec, const control::ServerKey& request) {
  auto key = service_key(request.service());
  if (!key) return tl::unexpected(key.error());
  auto address = endpoint("server", request.address());
  if (!address) return tl::unexpected(address.error());
  auto in = find(spec, *key, "Service not defined");
  if (!in) return tl::unexpected(in.error());
  return FoundServer{*key, *address, *in, in->pool->find_server(*address)};
}

std::optional<EditError> set_options(ServerSpec& server, const control::ServerEdit& edit) {
  if (auto error = check_forward(edit)) return error;
  if (edit.has_weight()) {
    if (edit.weight() > kMaxWeight)
      return EditError{control::INVALID,
                       fmt::format("weight {} is not within 0 .. {}", edit.weight(), kMaxWeight)};
    server.weight = edit.weight();
  }
  if (edit.has_admin()) {
    const auto admin = parse_admin(edit.admin());
    if (!admin) return EditError{control::INVALID, admin.error().message};
    server.admin = *admin;
  }
  if (edit.has_max_connections()) server.max_connections = edit.max_connections();
  if (edit.has_min_connections()) server.min_connections = edit.min_connections();
  if (edit.has_backup()) server.backup = edit.backup();
  if (server.max_connections != 0 && server.min_connections > server.max_connections)
    return EditError{control::INVALID,
                     fmt::format("lower threshold {} is above the upper threshold {}",
                                 server.min_connections, server.max_connections)};
  return std::nullopt;
}

/// "weight 1 -> 5, enabled -> drain".
std::string changes_of(const ServerSpec& before, const ServerSpec& after) {
  std::vector<std::string> changes;
  if (before.weight != after.weight || before == after)
    changes.push_back(fmt::format("weight {} -> {}", before.weight, after.weight));
  if (before.admin != after.admin)
    changes.push_back(fmt::format("{} -> {}", name(before.admin), name(after.admin)));
  if (before.max_connections != after.max_connections)
    changes.push_back(
        fmt::format("max_connections {} -> {}", before.max_connections, after.max_connections));
  if (before.min_connections != after.min_connections)
    changes.push_back(
        fmt::format("min_connections {} -> {}", before.min_connections, after.min_connections));
  if (before.backup != after.backup)
    changes.emplace_back(after.backup ? "now a backup" : "no longer a backup");
  return fmt::format("{}", fmt::join(changes, ", "));
}

Edit<Edited> add_server(Spec spec, const control::ServerEdit& edit) {
  auto found = find_server(spec, edit.key());
  if (!found) return tl::unexpected(found.error());
  if (found->server != nullptr)
    return refuse(control::ALREADY_EXISTS, "Destination already exists: {} ({})", found->text(),
                  found->server->name);
  auto& servers = found->in.pool->servers;
  ServerSpec server{.name = found->address.to_string(), .address = found->address, .weight = 1};
  if (std::ranges::any_of(servers, [&](const auto& s) { return s.name == server.name; }))
    return refuse(control::ALREADY_EXISTS, "the name {} is taken by another server of pool {}",
                  server.name, found->in.pool->name);
  if (auto error = set_options(server, edit)) return tl::unexpected(std::move(*error));
  servers.push_back(std::move(server));
  std::string note = touch(spec, *found->in.service);
  return Edited{std::move(spec), "add server " + found->text(), std::move(note)};
}

Edit<Edited> edit_server(Spec spec, const control::ServerEdit& edit) {
  auto found = find_server(spec, edit.key());
  if (!found) return tl::unexpected(found.error());
  if (found->server == nullptr)
    return refuse(control::NOT_FOUND, "No such destination: {}", found->text());
  const ServerSpec before = *found->server;
  if (auto error = set_options(*found->server, edit)) return tl::unexpected(std::move(*error));
  std::string summary =
      fmt::format("edit server {}: {}", found->text(), changes_of(before, *found->server));
  std::string note = touch(spec, *found->in.service);
  return Edited{std::move(spec), std::move(summary), std::move(note)};
}

Edit<Edited> delete_server(Spec spec, const control::ServerKey& request) {
  auto found = find_server(spec, request);
  if (!found) return tl::unexpected(found.error());
  if (found->server == nullptr)
    return refuse(control::NOT_FOUND, "No such destination: {}", found->text());
  std::erase_if(found->in.pool->servers,
                [&](const ServerSpec& server) { return server.address == found->address; });
  std::string note = touch(spec, *found->in.service);
  return Edited{std::move(spec), "delete server " + found->text(), std::move(note)};
}

/// As in IPVS, the timeouts stay.
Edited clear(const Spec& spec) {
  Spec cleared;
  cleared.timeouts = spec.timeouts;
  return {std::move(cleared), fmt::format("clear: {} services", spec.services.size()), {}};
}

Edit<Edited> set_timeouts(Spec spec, const control::Timeouts& wanted) {
  constexpr auto kMost = static_cast<uint32_t>(kMostTimeout / 1s);
  for (const uint32_t seconds : {wanted.tcp(), wanted.tcpfin(), wanted.udp()}) {
    if (seconds > kMost)
      return refuse(control::INVALID, "timeout {}: 1 .. {} seconds, 0 keeps what there is", seconds,
                    kMost);
  }
  const auto set = [](Duration& timeout, uint32_t seconds) {
    if (seconds > 0) timeout = std::chrono::seconds(seconds);
  };
  set(spec.timeouts.tcp, wanted.tcp());
  set(spec.timeouts.tcp_fin, wanted.tcpfin());
  set(spec.timeouts.udp, wanted.udp());
  const auto now = [](Duration timeout) { return timeout / 1s; };
  std::string summary =
      fmt::format("set timeouts: tcp {}, tcpfin {}, udp {}", now(spec.timeouts.tcp),
                  now(spec.timeouts.tcp_fin), now(spec.timeouts.udp));
  return Edited{std::move(spec), std::move(summary), {}};
}

}  // namespace

tl::expected<Edited, EditError> edit(const Spec& spec, const control::Request& request) {
  switch (request.command_case()) {
    case control::Request::kAddService:
      return add_service(spec, request.add_service());
    case control::Request::kEditService:
      return edit_service(spec, request.edit_service());
    case control::Request::kDeleteService:
      return delete_service(spec, request.delete_service());
    case control::Request::kAddServer:
      return add_server(spec, request.add_server());
    case control::Request::kEditServer:
      return edit_server(spec, request.edit_server());
    case control::Request::kDeleteServer:
      return delete_server(spec, request.delete_server());
    case control::Request::kClear:
      return clear(spec);
    case control::Request::kSetTimeouts:
      return set_timeouts(spec, request.set_timeouts());
    case control::Request::kStatus:
    case control::Request::kList:
    case control::Request::kHandover:  // vrrpd's
    case control::Request::kDemote:
    case control::Request::kRestore:
    case control::Request::kEvents:
    case control::Request::kZero:
    case control::Request::kRestoreTable:
    case control::Request::kConnections:
    case control::Request::kExplain:
    case control::Request::kUpgrade:
    case control::Request::kDiff:
    case control::Request::kPushConfig:
    case control::Request::kCheckConfig:  // vrrpd's
    case control::Request::kReload:
    case control::Request::COMMAND_NOT_SET:
      break;
  }
  return refuse(control::INVALID, "not an edit");
}

std::string runtime_name(Protocol protocol, const Endpoint& listen) {
  return fmt::format("{}-{}", protocol == Protocol::tcp ? "tcp" : "udp", listen.to_string());
}

}  // namespace hapair::lbcore
