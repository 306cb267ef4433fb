#include "lbcore/model/restore.h"

#include <fmt/format.h>

#include "lbcore/model/reload.h"

namespace hapair::lbcore {

namespace {

/// Both keys were understood by edit() or will be refused by it: here they only look things up.
const ServiceSpec* find_service(const Spec& spec, const control::ServiceKey& key) {
  const auto listen = Endpoint::parse(key.listen());
  if (!listen) return nullptr;
  const auto protocol = key.protocol() == control::PROTOCOL_UDP ? Protocol::udp : Protocol::tcp;
  return spec.find_service(protocol, *listen);
}

const ServerSpec* find_server(const Spec& spec, const control::ServerKey& key) {
  const ServiceSpec* service = find_service(spec, key.service());
  const PoolSpec* pool = service == nullptr ? nullptr : spec.find_pool(service->pool);
  const auto address = Endpoint::parse(key.address());
  return pool == nullptr || !address ? nullptr : pool->find_server(*address);
}

/// Brings the file's own service back, and its pool without servers.
void bring_back_service(Spec& spec, const Spec& file, const control::ServiceKey& key) {
  const ServiceSpec* from_file = find_service(file, key);
  if (find_service(spec, key) != nullptr || from_file == nullptr) return;
  spec.services.push_back(*from_file);
  if (spec.find_pool(from_file->pool) != nullptr) return;
  const PoolSpec* pool = file.find_pool(from_file->pool);
  if (pool == nullptr) return;
  spec.pools.push_back(*pool);
  spec.pools.back().servers.clear();
}

void bring_back_server(Spec& spec, const Spec& file, const control::ServerKey& key) {
  const ServiceSpec* service = find_service(spec, key.service());
  const ServerSpec* from_file = find_server(file, key);
  if (service == nullptr || from_file == nullptr || find_server(spec, key) != nullptr) return;
  const ServiceSpec* in_file = find_service(file, key.service());
  if (in_file->pool == service->pool) spec.find_pool(service->pool)->servers.push_back(*from_file);
}

/// The command that has the effect of -A or -a on what is there.
control::Request as_edit(const Spec& spec, const control::Request& command) {
  control::Request request = command;
  if (command.has_add_service() && find_service(spec, command.add_service().key()) != nullptr) {
    control::ServiceEdit edit = command.add_service();
    if (!edit.has_scheduler()) edit.set_scheduler(std::string(name(PoolSpec{}.scheduler)));
    if (!edit.has_one_shot() && edit.key().protocol() == control::PROTOCOL_UDP)
      edit.set_one_shot(false);
    if (!edit.has_sticky_seconds()) {
      edit.set_sticky_seconds(0);
    } else if (!edit.has_sticky_prefix_length() && edit.sticky_seconds() > 0) {
      const auto listen = Endpoint::parse(edit.key().listen());
      edit.set_sticky_prefix_length(static_cast<uint32_t>(listen->ip.bits()));
    }
    *request.mutable_edit_service() = std::move(edit);
  } else if (command.has_add_server() && find_server(spec, command.add_server().key()) != nullptr) {
    control::ServerEdit edit = command.add_server();
    if (!edit.has_weight()) edit.set_weight(ServerSpec{}.weight);
    if (!edit.has_max_connections()) edit.set_max_connections(0);
    if (!edit.has_min_connections()) edit.set_min_connections(0);
    if (!edit.has_admin()) edit.set_admin(std::string(name(ServerSpec{}.admin)));
    *request.mutable_edit_server() = std::move(edit);
  }
  return request;
}

}  // namespace

tl::expected<Edited, RestoreError> restore(
    const Spec& running, const Spec& file,
    const google::protobuf::RepeatedPtrField<control::Request>& commands) {
  Spec spec = running;
  for (int i = 0; i < commands.size(); ++i) {
    const control::Request& command = commands.Get(i);
    if (command.has_add_service()) bring_back_service(spec, file, command.add_service().key());
    if (command.has_add_server()) bring_back_server(spec, file, command.add_server().key());
    auto edited = edit(spec, as_edit(spec, command));
    if (!edited) return tl::unexpected(RestoreError{static_cast<size_t>(i), edited.error()});
    spec = std::move(edited->spec);
  }
  mark_runtime(file, spec);
  return Edited{std::move(spec), fmt::format("restore: {} commands", commands.size()), {}};
}

}  // namespace hapair::lbcore
