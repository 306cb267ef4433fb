// -L --stats and --rate: one row of five figures per service and server, as ipvsadm prints them.
#include <array>
#include <cmath>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "common/control_json.h"
#include "tools/pairadm/listing.h"

namespace hapair::pairadm {

namespace {

using Figures = std::array<uint64_t, 5>;

struct Scale {
  uint64_t below;
  uint64_t unit;
  char letter;
};

/// Ten columns wide with its blank; large ones lose their last digits to K, M, G or T.
std::string figure(uint64_t number, bool exact) {
  constexpr uint64_t kPlain = 100'000'000;
  constexpr std::array<Scale, 3> kScales{{{1'000'000'000, 1'000, 'K'},
                                          {100'000'000'000, 1'000'000, 'M'},
                                          {100'000'000'000'000, 1'000'000'000, 'G'}}};
  if (exact || number < kPlain) return fmt::format(" {:>8}", number);
  for (const Scale& scale : kScales)
    if (number < scale.below) return fmt::format(" {:>7}{}", number / scale.unit, scale.letter);
  return fmt::format(" {:>7}T", number / 1'000'000'000'000);
}

Figures totals(const control::Counters& counters, const control::Counters& zeroed) {
  const control::Counters shown = since_zero(counters, zeroed);
  return {shown.connections(), shown.packets_in(), shown.packets_out(), shown.bytes_in(),
          shown.bytes_out()};
}

Figures rates(const control::Rates& rates) {
  const auto whole = [](double rate) { return static_cast<uint64_t>(std::llround(rate)); };
  return {whole(rates.connections()), whole(rates.packets_in()), whole(rates.packets_out()),
          whole(rates.bytes_in()), whole(rates.bytes_out())};
}

}  // namespace

std::string figures_head(Columns columns) {
  constexpr std::string_view kFormat = "{:<33} {:>8} {:>8} {:>8} {:>8} {:>8}\n{}\n";
  constexpr std::string_view kFirst = "Prot LocalAddress:Port";
  constexpr std::string_view kSecond = "  -> RemoteAddress:Port";
  if (columns == Columns::stats)
    return fmt::format(kFormat, kFirst, "Conns", "InPkts", "OutPkts", "InBytes", "OutBytes",
                       kSecond);
  return fmt::format(kFormat, kFirst, "CPS", "InPPS", "OutPPS", "InBPS", "OutBPS", kSecond);
}

template <typename Counted>
std::string figures_row(const Counted& counted, Columns columns, bool exact) {
  const Figures row = columns == Columns::stats ? totals(counted.counters(), counted.zeroed())
                                                : rates(counted.rates());
  std::string text;
  for (const uint64_t number : row) text += figure(number, exact);
  return text + '\n';
}
template std::string figures_row(const control::Service&, Columns, bool);
template std::string figures_row(const control::Server&, Columns, bool);

}  // namespace hapair::pairadm
