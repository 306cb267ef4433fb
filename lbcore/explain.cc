#include "lbcore/explain.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>

#include <fmt/format.h>

#include "common/result.h"
#include "lbcore/relay/dispatcher.h"

namespace hapair::lbcore {

namespace {

template <typename... Args>
tl::unexpected<ExplainError> refuse(control::Code code, fmt::format_string<Args...> format,
                                    Args&&... args) {
  return tl::unexpected(ExplainError{code, fmt::format(format, std::forward<Args>(args)...)});
}

/// "198.51.100.7" or "198.51.100.7:54321": servers are chosen by the address alone.
Result<IpAddress> client_of(const std::string& text) {
  if (auto ip = IpAddress::parse(text)) return *ip;
  const auto endpoint = Endpoint::parse(text);
  if (!endpoint) return fail("{}: an address is needed, a port may follow", text);
  return endpoint->ip;
}

/// The service that a connection to `listen` reaches: that of the address, else of every address.
const Service* service_at(const Topology& topology, Protocol protocol, const Endpoint& listen) {
  const Service* of_every_address = nullptr;
  for (const auto& service : topology.services) {
    const Endpoint& own = service->spec.listen;
    if (service->spec.protocol != protocol || own.port != listen.port) continue;
    if (own.ip == listen.ip) return service.get();
    if (own.ip.is_unspecified() && own.ip.is_v4() == listen.ip.is_v4())
      of_every_address = service.get();
  }
  return of_every_address;
}

std::string down_text(const LiveServer& live) {
  return live.last_result.empty() ? "down: no check result yet"
                                  : fmt::format("down: {}", live.last_result);
}

/// Why new clients do not get it.
std::string why_no_candidate(const Server& server) {
  const LiveServer& live = *server.live;
  if (server.spec.admin == ServerAdmin::disabled) return "disabled";
  if (!live.up.load(std::memory_order_relaxed)) return down_text(live);
  if (server.spec.admin == ServerAdmin::drain) return "drain: only clients with a session";
  if (server.spec.weight == 0) return "weight 0: only clients with a session";
  if (live.full.load(std::memory_order_relaxed))
    return fmt::format("full: {} of {} connections",
                       live.counters.active.load(std::memory_order_relaxed),
                       server.spec.max_connections);
  return {};
}

/// Why the session of a client does not decide.
std::string why_no_session(const Server* server) {
  if (server == nullptr) return "its server is not in the pool any more";
  if (server->spec.admin == ServerAdmin::disabled) return "its server is disabled";
  if (!server->live->up.load(std::memory_order_relaxed))
    return "its server is " + down_text(*server->live);
  return {};
}

uint64_t milliseconds(Duration duration) {
  return static_cast<uint64_t>(std::max<int64_t>(duration / 1ms, 0));
}

void explain_session(const Pool& pool, const sticky::SessionStore::Look& look,
                     control::Explanation& text) {
  const StickySpec& sticky = pool.spec.sticky;
  text.set_sticky(true);
  text.set_session_key(fmt::format("{}/{}", look.key.to_string(),
                                   look.key.is_v4() ? sticky.prefix_v4 : sticky.prefix_v6));
  if (!look.session) return;
  const auto server = std::ranges::find_if(
      pool.servers, [&](const Server& each) { return each.live->id == look.session->server; });
  const Server* known = server == pool.servers.end() ? nullptr : &*server;
  text.set_session_server(known == nullptr ? "gone" : known->spec.address.to_string());
  text.set_session_idle_ms(milliseconds(look.session->idle));
  text.set_session_expires_ms(milliseconds(sticky.timeout - look.session->idle));
  text.set_session_open(look.holders);
  text.set_session_why_not(why_no_session(known));
  if (text.session_why_not().empty()) text.add_picks(text.session_server());
}

void explain_servers(const Pool& pool, control::Explanation& text) {
  const bool any_regular = std::ranges::any_of(pool.servers, [](const Server& server) {
    return !server.spec.backup && why_no_candidate(server).empty();
  });
  for (const Server& server : pool.servers) {
    control::Candidate& candidate = *text.add_candidates();
    candidate.set_name(server.spec.name);
    candidate.set_address(server.spec.address.to_string());
    candidate.set_weight(server.spec.weight);
    candidate.set_active(server.live->counters.active.load(std::memory_order_relaxed));
    candidate.set_sessions(server.live->sessions.load(std::memory_order_relaxed));
    std::string why_not = why_no_candidate(server);
    if (why_not.empty() && server.spec.backup && any_regular)
      why_not = "backup: others may be picked";
    candidate.set_why_not(std::move(why_not));
  }
}

/// Picks by turns or by lot: a fresh scheduler does not know who is next.
bool takes_turns(std::string_view scheduler) {
  constexpr std::array<std::string_view, 4> kTurns{"rr", "wrr", "random", "p2c"};
  return std::ranges::find(kTurns, scheduler) != kTurns.end();
}

void explain_pick(const std::shared_ptr<const Pool>& pool, const IpAddress& client, TimePoint now,
                  control::Explanation& text) {
  if (takes_turns(text.scheduler())) {
    for (const auto& candidate : text.candidates()) {
      if (candidate.why_not().empty()) text.add_picks(candidate.address());
    }
    return;
  }
  // Sessions of nobody: the client's own does not decide, and looking it up would count as use.
  sticky::SessionStore none([](ServerId) { return nullptr; }, 1, [] {});
  relay::Dispatcher dispatcher(none, 0);
  Topology only;
  only.pools.push_back(pool);
  dispatcher.update(only);
  const auto choice = dispatcher.choose(pool->id, client, relay::Tried(), now);
  if (choice.server) text.add_picks(choice.server->address.to_string());
}

}  // namespace

tl::expected<control::Explanation, ExplainError> explain(const Topology& topology,
                                                         const sticky::SessionStore& sessions,
                                                         const control::ExplainRequest& request,
                                                         TimePoint now) {
  const auto client = client_of(request.client());
  if (!client) return refuse(control::INVALID, "client {}", client.error().message);
  const auto listen = Endpoint::parse(request.listen());
  if (!listen) return refuse(control::INVALID, "service: {}", listen.error().message);
  const bool udp = request.protocol() == control::PROTOCOL_UDP;
  const Service* service = service_at(topology, udp ? Protocol::udp : Protocol::tcp, *listen);
  if (service == nullptr)
    return refuse(control::NOT_FOUND, "No such service: {} {}", udp ? "UDP" : "TCP",
                  listen->to_string());

  const Pool& pool = *service->pool;
  control::Explanation out;
  out.set_service(service->spec.name);
  out.set_pool(service->spec.pool);
  out.set_scheduler(std::string(balance::name(pool.spec.scheduler)));
  out.set_trouble(service->live->trouble);
  if (const auto look = sessions.look(pool.id, *client, now)) explain_session(pool, *look, out);
  explain_servers(pool, out);
  if (out.picks().empty()) explain_pick(service->pool, *client, now, out);
  return out;
}

}  // namespace hapair::lbcore
