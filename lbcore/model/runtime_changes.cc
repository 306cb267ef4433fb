#include "lbcore/model/runtime_changes.h"

#include <utility>

#include "lbcore/model/edit.h"
#include "lbcore/model/reload.h"
#include "lbcore/model/spec_diff.h"

namespace hapair::lbcore {

namespace {

control::ServiceKey key_of(const ServiceSpec& service) {
  control::ServiceKey key;
  key.set_protocol(service.protocol == Protocol::udp ? control::PROTOCOL_UDP
                                                     : control::PROTOCOL_TCP);
  key.set_listen(service.listen.to_string());
  return key;
}

control::ServerKey key_of(const ServiceSpec& service, const ServerSpec& server) {
  control::ServerKey key;
  *key.mutable_service() = key_of(service);
  key.set_address(server.address.to_string());
  return key;
}

control::ServiceEdit edit_of(const ServiceSpec& service, const PoolSpec& pool) {
  control::ServiceEdit edit;
  *edit.mutable_key() = key_of(service);
  edit.set_scheduler(std::string(name(pool.scheduler)));
  edit.set_sticky_seconds(static_cast<uint32_t>(
      std::chrono::duration_cast<std::chrono::seconds>(pool.sticky.timeout).count()));
  if (pool.sticky.enabled()) {
    const int prefix = service.listen.ip.is_v4() ? pool.sticky.prefix_v4 : pool.sticky.prefix_v6;
    edit.set_sticky_prefix_length(static_cast<uint32_t>(prefix));
  }
  if (service.protocol == Protocol::udp) edit.set_one_shot(service.one_shot);
  return edit;
}

control::ServerEdit edit_of(const ServiceSpec& service, const ServerSpec& server) {
  control::ServerEdit edit;
  *edit.mutable_key() = key_of(service, server);
  edit.set_weight(server.weight);
  edit.set_admin(std::string(name(server.admin)));
  edit.set_max_connections(server.max_connections);
  edit.set_min_connections(server.min_connections);
  edit.set_backup(server.backup);
  return edit;
}

/// Edits a Spec step by step and keeps the steps.
class Recorder {
 public:
  explicit Recorder(Spec spec) : spec_(std::move(spec)) {}

  void record(control::Request command) {
    auto edited = edit(spec_, command);
    if (!edited) return;  // then the outcome differs, and that is told
    spec_ = std::move(edited->spec);
    commands_.push_back(std::move(command));
  }
  void set(const Timeouts& timeouts) {
    const auto seconds = [](Duration duration) {
      return static_cast<uint32_t>(
          std::chrono::duration_cast<std::chrono::seconds>(duration).count());
    };
    control::Request command;
    control::Timeouts& wanted = *command.mutable_set_timeouts();
    wanted.set_tcp(seconds(timeouts.tcp));
    wanted.set_tcpfin(seconds(timeouts.tcp_fin));
    wanted.set_udp(seconds(timeouts.udp));
    record(std::move(command));
  }
  void remove(const ServiceSpec& service) {
    control::Request command;
    *command.mutable_delete_service() = key_of(service);
    record(std::move(command));
  }
  void add(const ServiceSpec& service, const PoolSpec& pool) {
    control::Request command;
    *command.mutable_add_service() = edit_of(service, pool);
    record(std::move(command));
  }
  void change(const ServiceSpec& service, const PoolSpec& pool) {
    control::Request command;
    *command.mutable_edit_service() = edit_of(service, pool);
    record(std::move(command));
  }
  void remove(const ServiceSpec& service, const ServerSpec& server) {
    control::Request command;
    *command.mutable_delete_server() = key_of(service, server);
    record(std::move(command));
  }
  void add(const ServiceSpec& service, const ServerSpec& server) {
    control::Request command;
    *command.mutable_add_server() = edit_of(service, server);
    record(std::move(command));
  }
  void change(const ServiceSpec& service, const ServerSpec& server) {
    control::Request command;
    *command.mutable_edit_server() = edit_of(service, server);
    record(std::move(command));
  }

  [[nodiscard]] const Spec& spec() const { return spec_; }
  Spec take_spec() { return std::move(spec_); }
  std::vector<control::Request> take_commands() { return std::move(commands_); }

 private:
  Spec spec_;
  std::vector<control::Request> commands_;
};

void change_servers(Recorder& recorder, const ServiceSpec& service, const PoolSpec& wanted) {
  const PoolSpec* now = recorder.spec().find_pool(wanted.name);
  if (now == nullptr) return;
  const PoolSpec before = *now;  // every step replaces the Spec
  for (const ServerSpec& server : before.servers) {
    const ServerSpec* kept = wanted.find_server(server.address);
    if (kept == nullptr || kept->name != server.name) recorder.remove(service, server);
  }
  for (const ServerSpec& server : wanted.servers) {
    const ServerSpec* known = before.find_server(server.address);
    if (known == nullptr || known->name != server.name) {
      recorder.add(service, server);
    } else if (*known != server) {
      recorder.change(service, server);
    }
  }
}

}  // namespace

RuntimeChanges runtime_changes(const Spec& file, const Spec& running) {
  Recorder recorder(file);
  if (running.timeouts != file.timeouts) recorder.set(running.timeouts);
  for (const ServiceSpec& service : file.services) {
    const ServiceSpec* kept = running.find_service(service.protocol, service.listen);
    // Deleted and made anew, it has another name and a pool of its own.
    if (kept == nullptr || kept->name != service.name || kept->pool != service.pool) {
      recorder.remove(service);
    }
  }
  for (const ServiceSpec& service : running.services) {
    const PoolSpec* pool = running.find_pool(service.pool);
    if (pool == nullptr) continue;
    const ServiceSpec* known = recorder.spec().find_service(service.protocol, service.listen);
    const PoolSpec* known_pool = recorder.spec().find_pool(service.pool);
    if (known == nullptr) {
      recorder.add(service, *pool);
    } else if (known->one_shot != service.one_shot ||
               (known_pool != nullptr &&
                (known_pool->scheduler != pool->scheduler || known_pool->sticky != pool->sticky))) {
      recorder.change(service, *pool);
    }
    change_servers(recorder, service, *pool);
  }
  RuntimeChanges out{.commands = recorder.take_commands(), .beyond = {}};
  Spec made = recorder.take_spec();
  Spec meant = running;
  mark_runtime(file, made);
  mark_runtime(file, meant);
  out.beyond = diff(made, meant).lines;
  return out;
}

Replayed replay(const Spec& file, const std::vector<control::Request>& commands) {
  Replayed out{.spec = file, .left_out = {}};
  for (const control::Request& command : commands) {
    auto edited = edit(out.spec, command);
    if (edited) {
      out.spec = std::move(edited->spec);
    } else {
      out.left_out.push_back(std::move(edited.error().message));
    }
  }
  mark_runtime(file, out.spec);
  return out;
}

}  // namespace hapair::lbcore
