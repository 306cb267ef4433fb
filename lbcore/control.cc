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
  } else {
    reply = answer(request, caller);
  }
  if (!reply) return std::nullopt;
  return reply->SerializeAsString();
}

control::Reply ControlApi::answer(const control::Request& request, uid_t caller) {
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
    case control::Request::kRestoreTable:
      return restore_table(request.restore_table(), caller);
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
      return change(request, caller);
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

control::Reply ControlApi::zero(const control::ZeroRequest& request, uid_t caller) {
  if (!request.has_service()) {
    backend_.zero(nullptr);
    log_.info("control", "zero all counters by uid {}", caller);
    return {};
  }
  const auto key = listen_key(request.service());
  if (!key) return refusal(control::INVALID, key.error().message);
  if (!backend_.zero(&*key)) return no_such_service(*key);
  log_.info("control", "zero the counters of {} by uid {}", text_of(*key), caller);
  return {};
}

control::Reply ControlApi::change(const control::Request& request, uid_t caller) {
  auto edited = edit(backend_.spec(), request);
  if (!edited) return refusal(edited.error().code, edited.error().message);
  return apply(*edited, caller);
}

control::Reply ControlApi::restore_table(const control::RestoreTable& request, uid_t caller) {
  const auto edited = restore(backend_.spec(), backend_.file(), request.commands());
  if (edited) return apply(*edited, caller);
  control::Reply reply = refusal(edited.error().error.code, edited.error().error.message);
  reply.set_failed_command(static_cast<uint32_t>(edited.error().command + 1));
  return reply;
}

control::Reply ControlApi::apply(const Edited& edited, uid_t caller) {
  if (auto applied = backend_.apply(edited.spec); !applied) {
    log_.environment("control", "{} by uid {}: refused: {}", edited.summary, caller,
                     applied.error().message);
    return refusal(control::FAILED, applied.error().message);
  }
  log_.info("control", "{} by uid {}", edited.summary, caller);
  control::Reply reply;
  reply.set_message(edited.note);
  return reply;
}

}  // namespace hapair::lbcore
