#include "lbcore/rate_debts.h"

#include <algorithm>
#include <string>

#include "lbcore/replicate/rate_lane.h"

namespace hapair::lbcore {

namespace {

uint32_t micros(Duration debt) {
  return static_cast<uint32_t>(std::chrono::duration_cast<std::chrono::microseconds>(debt).count());
}

/// What is left of it; nothing when it is too old, or makes no sense.
Duration left(uint32_t debt_us, Duration age) {
  return std::clamp<Duration>(std::chrono::microseconds(debt_us) - age, 0s, 1s);
}

}  // namespace

replicate::wire::RateDebts rate_debts(const Topology& topology, TimePoint now) {
  using replicate::RateLane;
  replicate::wire::RateDebts out;
  size_t room = RateLane::kMostSources;
  for (const auto& service : topology.services) {
    const ServiceRelay& relay = service->spec.relay;
    if (relay.max_rate == 0 && relay.source_max_rate == 0) continue;
    if (static_cast<size_t>(out.services_size()) == RateLane::kMostServices) break;
    replicate::wire::RateDebts::Service told;
    told.set_debt_us(micros(service->live->admitted.debt(now)));
    if (service->sources && relay.source_max_rate > 0) {
      for (const auto& debtor : service->sources->debtors(room, now)) {
        auto& source = *told.add_sources();
        source.set_client(std::string(debtor.client.begin(), debtor.client.end()));
        source.set_debt_us(micros(debtor.debt));
      }
      room -= static_cast<size_t>(told.sources_size());
    }
    if (told.debt_us() == 0 && told.sources().empty()) continue;
    told.set_name(service->spec.name);
    *out.add_services() = std::move(told);
  }
  return out;
}

void add_rate_debts(const Topology& topology, const replicate::wire::RateDebts& debts, Duration age,
                    TimePoint now) {
  for (const auto& told : debts.services()) {
    const auto service = std::ranges::find_if(
        topology.services, [&](const auto& each) { return each->spec.name == told.name(); });
    if (service == topology.services.end()) continue;
    (*service)->live->admitted.add_debt(left(told.debt_us(), age), now);
    if (!(*service)->sources) continue;
    for (const auto& source : told.sources()) {
      limit::SourceTable::Debtor debtor;
      const Duration debt = left(source.debt_us(), age);
      if (source.client().size() != debtor.client.size() || debt == Duration::zero()) continue;
      std::copy(source.client().begin(), source.client().end(), debtor.client.begin());
      debtor.debt = debt;
      (*service)->sources->add_debt(debtor, now);
    }
  }
}

}  // namespace hapair::lbcore
