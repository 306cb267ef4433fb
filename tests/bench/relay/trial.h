// What can be measured, and how one measurement of it goes: networks, server and contender are new
// each time.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/relay/contender.h"
#include "tests/bench/relay/load.h"

namespace hapair::test::bench {

struct Row {
  enum class Measure : uint8_t { cost, calls, p50, p99, idle, start };
  /// Who runs where: everything on one processor; the proxy on one of its own; anything anywhere.
  enum class Place : uint8_t { one, own, any };

  std::string_view name;
  std::string_view figure;
  Load::Kind load = Load::Kind::keep_alive;
  size_t connections = 64;
  Measure measure = Measure::cost;
  Place place = Place::one;
  Contender::Setup setup = {};
  bool curve = false;  // a point of a scaling curve, which only `--rows curves` asks for
  std::vector<std::string_view> contenders = {};  // empty: all

  [[nodiscard]] bool is_for(std::string_view contender) const;
  /// The figure is what it is beyond that of no proxy at all.
  [[nodiscard]] bool over_direct() const;
};

const std::vector<Row>& rows();

struct Result {
  double figure = 0;
  std::map<std::string, double> calls = {};  // of each kind, per request
};

/// Throws std::runtime_error with what went wrong.
Result trial(const Row& row, std::string_view contender, Duration window);

}  // namespace hapair::test::bench
