// Two nodes on one switch, their pair addresses 10.255.0.1 and .2.
#pragma once

#include <algorithm>
#include <functional>
#include <string_view>
#include <thread>
#include <vector>

#include "common/clock.h"
#include "tests/bench/replication/trials.h"
#include "tests/support/namespace.h"
#include "tests/support/switch.h"

namespace hapair::test::bench {

struct TwoNodes {
  TwoNodes() {
    pair.connect(a, "eth2", "10.255.0.1/24");
    pair.connect(b, "eth2", "10.255.0.2/24");
  }
  Switch pair{"pair"};
  Namespace a{"a"};
  Namespace b{"b"};
};

/// Polls without disturbing what is measured much; throws after a minute.
inline void await(std::string_view what, const std::function<bool()>& done) {
  const TimePoint end = Clock::now() + 60s;
  while (!done()) {
    if (Clock::now() > end) throw std::runtime_error(std::string(what));
    std::this_thread::sleep_for(200us);
  }
}

inline double us(Duration time) {
  return std::chrono::duration<double, std::micro>(time).count();
}
inline double seconds(Duration time) {
  return std::chrono::duration<double>(time).count();
}

/// Three rows: "NAME p50", "NAME p99", "NAME max".
inline void note_spread(const Note& note, const std::string& name, std::vector<double> values) {
  if (values.empty()) return;
  std::ranges::sort(values);
  note(name + " p50", values[values.size() / 2]);
  note(name + " p99", values[values.size() * 99 / 100]);
  note(name + " max", values.back());
}

}  // namespace hapair::test::bench
