#include "tools/pairadm/request.h"

#include <algorithm>
#include <string>
#include <utility>

#include "tools/pairadm/values.h"

namespace hapair::pairadm {

namespace {

struct NamedService {
  control::ServiceKey key;
  Endpoint listen;
};

Result<NamedService> named_service(const Invocation& in, const Names& names) {
  const bool udp = in.has(Opt::udp_service);
  const std::string& text = in.value(udp ? Opt::udp_service : Opt::tcp_service);
  const char* typed = udp ? "-u" : "-t";
  const auto target = parse_target(text, in.has(Opt::ipv6), names);
  if (!target) return fail("{} {}", typed, target.error().message);
  if (!target->port)
    return fail(
        "{} {}: name a port; every port of an address (port 0) needs the kernel data path, "
        "which is not built yet",
        typed, text);
  NamedService out{.key = {}, .listen = {.ip = target->ip, .port = *target->port}};
  out.key.set_protocol(udp ? control::PROTOCOL_UDP : control::PROTOCOL_TCP);
  out.key.set_listen(out.listen.to_string());
  return out;
}

}  // namespace

bool names_service(const Invocation& in) {
  return in.has(Opt::tcp_service) || in.has(Opt::udp_service);
}

Result<control::ServiceKey> service_key(const Invocation& in, const Names& names) {
  return named_service(in, names).map([](NamedService named) { return std::move(named.key); });
}

Result<control::ServerKey> server_key(const Invocation& in, const Names& names) {
  auto service = named_service(in, names);
  if (!service) return tl::unexpected(service.error());
  const auto target = parse_target(in.value(Opt::real_server), in.has(Opt::ipv6), names);
  if (!target) return fail("-r {}", target.error().message);
  const Endpoint address{.ip = target->ip, .port = target->port.value_or(service->listen.port)};
  control::ServerKey key;
  *key.mutable_service() = std::move(service->key);
  key.set_address(address.to_string());
  return key;
}

Result<control::ServiceEdit> service_edit(const Invocation& in, const Names& names, bool editing) {
  auto service = named_service(in, names);
  if (!service) return tl::unexpected(service.error());
  control::ServiceEdit edit;
  *edit.mutable_key() = std::move(service->key);
  if (in.has(Opt::sched_flags)) {
    if (auto flags = check_sched_flags(in.value(Opt::sched_flags)); !flags)
      return tl::unexpected(flags.error());
  }
  if (in.has(Opt::scheduler)) edit.set_scheduler(in.value(Opt::scheduler));
  if (in.has(Opt::persistent)) {
    const std::string& text = in.value(Opt::persistent);
    const auto seconds =
        text.empty() ? Result<uint32_t>(kBarePersistentSeconds) : parse_persistent(text, editing);
    if (!seconds) return tl::unexpected(seconds.error());
    edit.set_sticky_seconds(*seconds);
  }
  if (in.has(Opt::netmask)) {
    const auto length = parse_netmask(in.value(Opt::netmask), service->listen.ip.is_v6());
    if (!length) return tl::unexpected(length.error());
    edit.set_sticky_prefix_length(*length);
  }
  if (in.has(Opt::ops)) {
    if (!in.has(Opt::udp_service)) return fail("-o is for UDP services: -u ADDRESS:PORT");
    edit.set_one_shot(true);
  }
  return edit;
}

Result<control::ServerEdit> server_edit(const Invocation& in, const Names& names) {
  auto key = server_key(in, names);
  if (!key) return tl::unexpected(key.error());
  control::ServerEdit edit;
  *edit.mutable_key() = std::move(*key);
  if (in.has(Opt::weight)) {
    const auto weight = parse_weight(in.value(Opt::weight));
    if (!weight) return tl::unexpected(weight.error());
    edit.set_weight(*weight);
  }
  if (in.has(Opt::u_threshold)) {
    const auto most = parse_threshold("-x", in.value(Opt::u_threshold));
    if (!most) return tl::unexpected(most.error());
    edit.set_max_connections(*most);
  }
  if (in.has(Opt::l_threshold)) {
    const auto least = parse_threshold("-y", in.value(Opt::l_threshold));
    if (!least) return tl::unexpected(least.error());
    edit.set_min_connections(*least);
  }
  if (in.has(Opt::state)) edit.set_admin(in.value(Opt::state));  // lbcore knows which there are
  const std::pair<Opt, const char*> methods[] = {
      {Opt::gatewaying, "route"}, {Opt::ipip, "tunnel"}, {Opt::masquerading, "masq"}};
  for (const auto& [opt, method] : methods) {
    if (!in.has(opt)) continue;
    if (edit.has_forward()) return fail("one forwarding method, please: -g, -i or -m");
    edit.set_forward(method);
  }
  return edit;
}

}  // namespace hapair::pairadm
