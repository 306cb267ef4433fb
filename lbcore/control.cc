#include "lbcore/control.h"

#include <utility>

#include <fmt/format.h>

#include "common/address.h"
#include "lbcore/model/edit.h"
#include "lbcore/model/restore.h"

namespace hapair::lbcore {

namespace {

control::Reply refusal(control::Code code, std::string message) {
  control::Reply reply;
  reply.set_code(code);
  reply.set_message(std::move(message));
  return reply;
}

Result<ListenKey> listen_key(const control::ServiceKey& key) {
  const auto listen = Endpoint::parse(key.listen());
  if (!listen) return fail("service: {}", listen.error().message);
  return ListenKey{key.protocol() == control::PROTOCOL_UDP ? Protocol::udp : Protocol::tcp,
                   *listen};
}

std::string text_of(const ListenKey& key) {
  return fmt::format("{} {}", key.first == Protocol::tcp ? "TCP" : "UDP", key.second.to_string());
}

/// What changes the pair, and so is the Active's to do. Counters (-Z) are each node's own.
bool is_change(const control::Request& request) {
  switch (request.command_case()) {
    case control::Request::kAddService:
    case control::Request::kEditService:
    case control::Request::kDeleteService:
    case control::Request::kAddServer:
    case control::Request::kEditServer:
    case control::Request::kDeleteServer:
    case control::Request::kClear:
    case control::Request::kSetTimeouts:
    case control::Request::kRestoreTable:
      return true;
    default:
      return false;
  }
}

constexpr Duration kChangePatience = 1500ms;  // pairadm's own is 2 s
constexpr Duration kPushPatience = 20s;

control::Reply no_such_service(const ListenKey& key) {
  return refusal(control::NOT_FOUND, "No such service: " + text_of(key));
}

}  // namespace

std::optional<std::string> ControlApi::handle(std::string_view bytes, uid_t caller,
                                              const Respond& later) {
  control::Request request;
  std::optional<control::Reply> reply;
  if (bytes.size() > kMaxRequestBytes) {
    reply = refusal(control::INVALID, fmt::format("a request of {} bytes; at most {} are taken",
                                                  bytes.size(), kMaxRequestBytes));
  } else if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    reply = refusal(control::INVALID, "not a request of pairadm");
  } else if (request.has_connections()) {
    reply = connections(request.connections(), later);
  } else if (request.has_upgrade()) {
    upgrade(request.upgrade(), caller, later);
  } else if (request.has_push_config()) {
    reply = push_config(request, later);
  } else if (is_change(request)) {
    reply = change(request, fmt::format("uid {}", caller), later);
  } else {
    reply = answer(request, fmt::format("uid {}", caller));
  }
  if (!reply) return std::nullopt;
  return reply->SerializeAsString();
}

void ControlApi::handle_peers(const std::string& from, const std::string& request,
                              const std::function<void(std::string reply)>& respond) {
  control::Request parsed;
  if (!parsed.ParseFromString(request)) {
    return respond(refusal(control::INVALID, "not a request of pairadm").SerializeAsString());
  }
  if (parsed.has_push_config()) {
    return backend_.take_config(parsed.push_config(), [respond](const control::Reply& reply) {
      respond(reply.SerializeAsString());
    });
  }
  control::Reply reply;
  if (!is_change(parsed)) {
    reply = refusal(control::UNSUPPORTED,
                    "a command that the peer does not do for others (" HAPAIR_VERSION ")");
  } else if (backend_.door().where != Door::Where::here) {
    reply = refusal(control::REFUSED, "the peer is no longer Active: try again");
  } else {
    reply = change_here(parsed, from);
  }
  respond(reply.SerializeAsString());
}

std::optional<control::Reply> ControlApi::change(const control::Request& request,
                                                 const std::string& caller, const Respond& later) {
  const Door door = backend_.door();
  if (door.where == Door::Where::here) return change_here(request, caller);
  if (door.where == Door::Where::nowhere) return refusal(control::REFUSED, door.why);
  ask_peer(caller, request.SerializeAsString(), kChangePatience, later);
  return std::nullopt;
}

std::optional<control::Reply> ControlApi::push_config(control::Request& request,
                                                      const Respond& later) {
  ask_peer(request.push_config().by(), request.SerializeAsString(), kPushPatience, later);
  return std::nullopt;
}

void ControlApi::ask_peer(const std::string& from, std::string request, Duration patience,
                          const Respond& later) {
  backend_.ask_peer(from, std::move(request), patience, [later](Result<std::string> reply) {
    later(reply ? std::move(*reply)
                : refusal(control::FAILED, reply.error().message).SerializeAsString());
  });
}

control::Reply ControlApi::answer(const control::Request& request, const std::string& caller) {
  switch (request.command_case()) {
    case control::Request::kStatus: {
      control::Reply reply;
      *reply.mutable_node() = backend_.status();
      return reply;
    }
    case control::Request::kList:
      return list(request.list());
    case control::Request::kZero:
      return zero(request.zero(), caller);
    case control::Request::kDiff: {
      control::Reply reply;
      *reply.mutable_differences() = backend_.differences();
      return reply;
    }
    case control::Request::kExplain: {
      auto explanation = backend_.explain(request.explain());
      if (!explanation) return refusal(explanation.error().code, explanation.error().message);
      control::Reply reply;
      *reply.mutable_explanation() = std::move(*explanation);
      return reply;
    }
    case control::Request::COMMAND_NOT_SET:
      return refusal(control::INVALID,
                     "a command that this lbcore does not know (" HAPAIR_VERSION ")");
    default:
      return change_here(request, caller);  // says that it is no edit
  }
}

control::Reply ControlApi::list(const control::ListRequest& request) {
  control::Reply reply;
  control::Listing& listing = *reply.mutable_listing();
  listing = backend_.listing(request.latency());
  if (!request.has_service()) return reply;

  const control::ServiceKey& wanted = request.service();
  const auto listen = Endpoint::parse(wanted.listen());
  if (!listen) return refusal(control::INVALID, "service: " + listen.error().message);
  // Compared as addresses: "[::1]:80" and "[0:0::1]:80" are the same service.
  const auto is_wanted = [&](const control::Service& service) {
    const auto own = Endpoint::parse(service.key().listen());
    return service.key().protocol() == wanted.protocol() && own && *own == *listen;
  };
  auto* services = listing.mutable_services();
  for (int i = services->size() - 1; i >= 0; --i)
    if (!is_wanted(services->Get(i))) services->DeleteSubrange(i, 1);
  if (services->empty())
    return refusal(control::NOT_FOUND,
                   fmt::format("No such service: {} {}",
                               wanted.protocol() == control::PROTOCOL_TCP ? "TCP" : "UDP",
                               listen->to_string()));
  return reply;
}

std::optional<control::Reply> ControlApi::connections(const control::ConnectionsRequest& request,
                                                      const Respond& later) {
  std::optional<ListenKey> only;
  if (request.has_service()) {
    const auto key = listen_key(request.service());
    if (!key) return refusal(control::INVALID, key.error().message);
    if (backend_.spec().find_service(key->first, key->second) == nullptr)
      return no_such_service(*key);
    only = *key;
  }
  const bool begun = backend_.connections(only, [later](control::ConnectionPage page) {
    control::Reply reply;
    *reply.mutable_connections() = std::move(page);
    return later(reply.SerializeAsString());
  });
  if (begun) return std::nullopt;
  return refusal(control::REFUSED, "somebody else lists the connections now: try again");
}

void ControlApi::upgrade(const control::UpgradeRequest& request, uid_t caller,
                         const Respond& later) {
  backend_.upgrade(request.by(), caller, [later](Result<control::Upgraded> outcome) {
    control::Reply reply;
    if (outcome) {
      *reply.mutable_upgraded() = std::move(*outcome);
    } else {
      reply = refusal(control::FAILED, outcome.error().message);
    }
    later(reply.SerializeAsString());
  });
}

control::Reply ControlApi::zero(const control::ZeroRequest& request, const std::string& caller) {
  if (!request.has_service()) {
    backend_.zero(nullptr);
    log_.info("control", "zero all counters by {}", caller);
    return {};
  }
  const auto key = listen_key(request.service());
  if (!key) return refusal(control::INVALID, key.error().message);
  if (!backend_.zero(&*key)) return no_such_service(*key);
  log_.info("control", "zero the counters of {} by {}", text_of(*key), caller);
  return {};
}

control::Reply ControlApi::change_here(const control::Request& request, const std::string& caller) {
  if (request.has_restore_table()) return restore_table(request.restore_table(), caller);
  auto edited = edit(backend_.spec(), request);
  if (!edited) return refusal(edited.error().code, edited.error().message);
  return apply(*edited, caller);
}

control::Reply ControlApi::restore_table(const control::RestoreTable& request,
                                         const std::string& caller) {
  const auto edited = restore(backend_.spec(), backend_.file(), request.commands());
  if (edited) return apply(*edited, caller);
  control::Reply reply = refusal(edited.error().error.code, edited.error().error.message);
  reply.set_failed_command(static_cast<uint32_t>(edited.error().command + 1));
  return reply;
}

control::Reply ControlApi::apply(const Edited& edited, const std::string& caller) {
  if (auto applied = backend_.apply(edited.spec); !applied) {
    log_.environment("control", "{} by {}: refused: {}", edited.summary, caller,
                     applied.error().message);
    return refusal(control::FAILED, applied.error().message);
  }
  log_.info("control", "{} by {}", edited.summary, caller);
  control::Reply reply;
  reply.set_message(edited.note);
  return reply;
}

}  // namespace hapair::lbcore
