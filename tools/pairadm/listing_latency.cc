// -L --latency: three rows per service and server, from the histograms that lbcore keeps of each
// server; a service has those of its pool's servers added up.
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "tools/pairadm/listing.h"

namespace hapair::pairadm {

namespace {

/// Three digits tell all that a histogram knows: "210us", "1.25ms", "30.1s".
std::string took(double us) {
  constexpr double kMilli = 1e3;
  constexpr double kSecond = 1e6;
  constexpr double kMinute = 60e6;
  constexpr double kRounds = 0.9995;  // up to the next unit
  if (us < kMilli * kRounds) return fmt::format("{:.3g}us", us);
  if (us < kSecond * kRounds) return fmt::format("{:.3g}ms", us / kMilli);
  if (us < kMinute * kRounds) return fmt::format("{:.3g}s", us / kSecond);
  return fmt::format("{:.4g}m", us / kMinute);
}

std::string row(std::string_view address, std::string_view what, const control::Quantiles& of) {
  std::string text = fmt::format("{:<33} {:<10} {:>10}", address, what, of.count());
  for (const double us : {of.p50_us(), of.p90_us(), of.p99_us(), of.p999_us()})
    text += fmt::format(" {:>8}", of.count() > 0 ? took(us) : "-");
  return text + '\n';
}

}  // namespace

std::string latency_head() {
  return fmt::format("{:<33} {:<10} {:>10} {:>8} {:>8} {:>8} {:>8}\n  -> RemoteAddress:Port\n",
                     "Prot LocalAddress:Port", "Time", "Count", "p50", "p90", "p99", "p99.9");
}

std::string latency_rows(std::string_view address, const control::Latency& latency) {
  return row(address, "connect", latency.connect()) + row({}, "first-byte", latency.first_byte()) +
         row({}, "duration", latency.duration());
}

}  // namespace hapair::pairadm
