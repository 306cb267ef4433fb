#include "lbcore/upgrade/inheritance.h"

#include <algorithm>

namespace hapair::lbcore::upgrade {

namespace {

/// How many descriptors must come with a message.
size_t expected_descriptors(const wire::FromOld& message) {
  if (message.has_resource()) return 1;
  if (message.has_listener()) return message.listener().sockets();
  return 0;
}

/// Longer than anything lives; what is beyond would overflow a Duration.
Duration from_ms(uint64_t ms) {
  constexpr uint64_t kMost = uint64_t{1} << 40;
  return std::chrono::milliseconds(std::min(ms, kMost));
}

}  // namespace

Status InheritanceReader::take(std::string_view message, std::vector<UniqueFd> descriptors) {
  wire::FromOld from;
  if (!from.ParseFromArray(message.data(), static_cast<int>(message.size()))) {
    return fail("{} bytes that are no message of an upgrade", message.size());
  }
  if (complete_) return fail("a message after the last one");
  if (!begun_ && !from.has_begin()) return fail("the first message does not begin an upgrade");
  if (descriptors.size() != expected_descriptors(from)) {
    return fail("{} descriptors came where {} were announced", descriptors.size(),
                expected_descriptors(from));
  }
  switch (from.body_case()) {
    case wire::FromOld::kBegin:
      return begin(from.begin());
    case wire::FromOld::kResource:
      return resource(from.resource(), std::move(descriptors.front()));
    case wire::FromOld::kListener:
      return listener(from.listener(), std::move(descriptors));
    case wire::FromOld::kServer:
      return server(from.server());
    case wire::FromOld::kChange:
      out_.changes.push_back(from.change());
      return {};
    case wire::FromOld::kRecord:
      out_.records.push_back(from.record());
      return {};
    case wire::FromOld::kPrepare:
      return end();
    case wire::FromOld::kSessions:
    case wire::FromOld::kSessionsEnd:
    case wire::FromOld::kCommit:
      return fail("a message before its time");
    case wire::FromOld::BODY_NOT_SET:  // of a later version, and without a descriptor
      return {};
  }
  return {};
}

Status InheritanceReader::begin(const wire::Begin& begin) {
  if (begun_) return fail("an upgrade that begins twice");
  if (begin.protocol() != kProtocol) {
    return fail("the old process ({}) speaks version {} of the upgrade, this one version {}",
                begin.version(), begin.protocol(), kProtocol);
  }
  begun_ = true;
  out_.pid = begin.pid();
  out_.version = begin.version();
  out_.active = begin.active();
  return {};
}

Status InheritanceReader::resource(const wire::Resource& resource, UniqueFd fd) {
  UniqueFd* slot = nullptr;
  switch (resource.kind()) {
    case wire::Resource::LOCK:
      slot = &out_.lock;
      break;
    case wire::Resource::CONTROL:
      slot = &out_.control;
      break;
    case wire::Resource::ROLE:
      slot = &out_.role;
      break;
    case wire::Resource::STATUS:
      slot = &out_.status;
      break;
    case wire::Resource::PAIR:
      slot = &out_.pair;
      break;
    default:
      return {};  // of a later version: closed
  }
  if (slot->valid()) return fail("descriptor {} came twice", static_cast<int>(resource.kind()));
  *slot = std::move(fd);
  return {};
}

Status InheritanceReader::listener(const wire::Listener& listener, std::vector<UniqueFd> sockets) {
  const auto listen = Endpoint::parse(listener.listen());
  if (!listen) return fail("listener: {}", listen.error().message);
  const auto protocol =
      listener.protocol() == control::PROTOCOL_UDP ? Protocol::udp : Protocol::tcp;
  auto& known = out_.listeners[{protocol, *listen}];
  std::ranges::move(sockets, std::back_inserter(known));
  return {};
}

Status InheritanceReader::server(const wire::Server& server) {
  const auto address = Endpoint::parse(server.address());
  if (!address) return fail("server of pool {}: {}", server.pool(), address.error().message);
  out_.servers[{server.pool(), *address}] = {.up = server.up(),
                                             .result = server.result(),
                                             .result_age = from_ms(server.result_age_ms()),
                                             .in_state = from_ms(server.in_state_ms())};
  return {};
}

Status InheritanceReader::end() {
  if (!out_.lock || !out_.control || !out_.role) {
    return fail("the lock or a control socket is missing");
  }
  complete_ = true;
  return {};
}

}  // namespace hapair::lbcore::upgrade
