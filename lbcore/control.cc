#include "lbcore/control.h"

#include <utility>

#include <fmt/format.h>

#include "common/address.h"
#include "lbcore/model/edit.h"

namespace hapair::lbcore {

namespace {

control::Reply refusal(control::Code code, std::string message) {
  control::Reply reply;
  reply.set_code(code);
  reply.set_message(std::move(message));
  return reply;
}

}  // namespace

std::string ControlApi::handle(std::string_view bytes, uid_t caller) {
  control::Request request;
  control::Reply reply;
  if (bytes.size() > kMaxRequestBytes) {
    reply = refusal(control::INVALID, fmt::format("a request of {} bytes; at most {} are taken",
                                                  bytes.size(), kMaxRequestBytes));
  } else if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    reply = refusal(control::INVALID, "not a request of pairadm");
  } else {
    reply = answer(request, caller);
  }
  return reply.SerializeAsString();
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
  listing = backend_.listing();
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

control::Reply ControlApi::change(const control::Request& request, uid_t caller) {
  auto edited = edit(backend_.spec(), request);
  if (!edited) return refusal(edited.error().code, edited.error().message);
  if (auto applied = backend_.apply(edited->spec); !applied) {
    log_.environment("control", "{} by uid {}: refused: {}", edited->summary, caller,
                     applied.error().message);
    return refusal(control::FAILED, applied.error().message);
  }
  log_.info("control", "{} by uid {}", edited->summary, caller);
  control::Reply reply;
  reply.set_message(edited->note);
  return reply;
}

}  // namespace hapair::lbcore
