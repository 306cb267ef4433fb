#include "lbcore/relay/admission.h"

namespace hapair::lbcore::relay {

std::optional<Refusal> admit(const Service& service, TimePoint now) {
  LiveService& live = *service.live;
  const ServiceRelay& relay = service.spec.relay;
  const uint32_t before = live.counters.active.fetch_add(1, std::memory_order_relaxed);
  std::optional<Refusal> refusal;
  if (relay.max_connections > 0 && before >= relay.max_connections) {
    refusal = Refusal::max_connections;
  } else if (relay.max_rate > 0 && !live.admitted.allow(relay.max_rate, now)) {
    refusal = Refusal::max_rate;
  }
  if (refusal) {
    live.counters.active.fetch_sub(1, std::memory_order_relaxed);
  } else {
    live.counters.connections.fetch_add(1, std::memory_order_relaxed);
  }
  return refusal;
}

std::optional<Refusal> admit_source(const Service& service, const IpAddress& client, TimePoint now,
                                    bool& counted) {
  using Verdict = limit::SourceTable::Verdict;
  if (!service.sources) return std::nullopt;
  const ServiceRelay& relay = service.spec.relay;
  const auto verdict = service.sources->take(
      client, {.connections = relay.source_max_connections, .rate = relay.source_max_rate}, now);
  counted = verdict == Verdict::counted;
  if (verdict == Verdict::connections) return Refusal::source_max_connections;
  if (verdict == Verdict::rate) return Refusal::source_max_rate;
  return std::nullopt;
}

}  // namespace hapair::lbcore::relay
