#include "lbcore/model/rates.h"

#include <chrono>

namespace hapair::lbcore {

void RateMeter::sample(const Totals& totals, TimePoint now) {
  const double seconds = std::chrono::duration<double>(now - last_at_).count();
  if (last_at_ != TimePoint{} && seconds > 0) {
    const auto approach = [&](double& rate, uint64_t before, uint64_t after) {
      const double last_second = static_cast<double>(after - before) / seconds;
      rate += (last_second - rate) / 4;
    };
    approach(rates_.connections, last_.connections, totals.connections);
    approach(rates_.packets_in, last_.packets_in, totals.packets_in);
    approach(rates_.packets_out, last_.packets_out, totals.packets_out);
    approach(rates_.bytes_in, last_.bytes_in, totals.bytes_in);
    approach(rates_.bytes_out, last_.bytes_out, totals.bytes_out);
  }
  last_ = totals;
  last_at_ = now;
}

}  // namespace hapair::lbcore
