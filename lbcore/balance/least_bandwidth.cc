// lbw: the server that moves the fewest bytes per second, both ways, per unit of weight. Rates come
// from the byte counters that are there anyway: at most every 100 ms a pick looks at all of them,
// and an average with a time constant of a second follows (no timer, and no work while no client
// comes). Between two looks a picked server is charged with what a connection moves on average,
// else all clients of that moment would go to the same one. O(n).

#include <cmath>

#include "lbcore/balance/algorithms.h"
#include "lbcore/balance/least.h"

namespace hapair::lbcore::balance {

namespace {

constexpr Duration kLook = 100ms;
constexpr Duration kMemory = 1s;

class LeastBandwidth final : public Scheduler {
 public:
  explicit LeastBandwidth(size_t start) : least_(start) {}

  void update(std::span<const Candidate> candidates) override {
    least_.update(candidates);
    // A server that is down for a while goes on from its counters.
    if (rates_.size() != candidates.size()) rates_.assign(candidates.size(), Rate{});
    for (size_t i = 0; i < candidates.size(); ++i) {
      const Load& load = candidates[i].load;
      if (rates_[i].load.bytes_in == load.bytes_in) continue;
      rates_[i] = {.load = load, .bytes = bytes(load)};
    }
  }

  std::optional<size_t> pick(const Query& query) override {
    if (query.now - looked_ >= kLook) look(query.now);
    const auto picked = least_.pick(query, [&](size_t, const Member& member) {
      const Rate& rate = rates_[member.index];
      return (rate.measured + rate.charged) / member.share;
    });
    if (picked) rates_[*picked].charged += charge_;
    return picked;
  }

 private:
  struct Rate {
    Load load;
    uint64_t bytes = 0;   // counted at the last look
    double measured = 0;  // bytes per second
    double charged = 0;   // for connections since the last look
  };

  static uint64_t bytes(const Load& load) {
    return load.bytes_in->load(std::memory_order_relaxed) +
           load.bytes_out->load(std::memory_order_relaxed);
  }

  void look(TimePoint now) {
    const double seconds = std::chrono::duration<double>(now - looked_).count();
    const double kept = std::exp(-seconds / std::chrono::duration<double>(kMemory).count());
    double total = 0;
    double connections = 0;
    for (Rate& rate : rates_) {
      const uint64_t counted = bytes(rate.load);
      // Counters go back when an operator zeroes them.
      const uint64_t moved = counted > rate.bytes ? counted - rate.bytes : 0;
      const double fresh = static_cast<double>(moved) / seconds;
      rate.bytes = counted;
      rate.measured = rate.measured * kept + fresh * (1 - kept);
      rate.charged = 0;
      total += rate.measured;
      connections += rate.load.active->load(std::memory_order_relaxed);
    }
    charge_ = std::max(total / std::max(connections, 1.0), 1.0);
    looked_ = now;
  }

  Least least_;
  std::vector<Rate> rates_;  // by index
  TimePoint looked_{};
  double charge_ = 1;
};

}  // namespace

std::unique_ptr<Scheduler> make_least_bandwidth(size_t start) {
  return std::make_unique<LeastBandwidth>(start);
}

}  // namespace hapair::lbcore::balance
