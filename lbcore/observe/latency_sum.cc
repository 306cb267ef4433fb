#include "lbcore/observe/latency_sum.h"

namespace hapair::lbcore::observe {

namespace {

control::Quantiles quantiles_of(const Distribution& values) {
  control::Quantiles out;
  out.set_count(values.count());
  out.set_p50_us(values.quantile_us(0.5));
  out.set_p90_us(values.quantile_us(0.9));
  out.set_p99_us(values.quantile_us(0.99));
  out.set_p999_us(values.quantile_us(0.999));
  return out;
}

}  // namespace

void LatencySum::add(const LiveServer& server) {
  const Latency* latency = server.latency.peek();
  if (latency == nullptr) return;
  latency->connect.add_to(connect_);
  latency->first_byte.add_to(first_byte_);
  latency->duration.add_to(duration_);
}

control::Latency LatencySum::told() const {
  control::Latency out;
  *out.mutable_connect() = quantiles_of(connect_);
  *out.mutable_first_byte() = quantiles_of(first_byte_);
  *out.mutable_duration() = quantiles_of(duration_);
  return out;
}

}  // namespace hapair::lbcore::observe
