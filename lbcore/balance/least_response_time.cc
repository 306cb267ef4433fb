// lrt: the server that can be expected to answer first: its average time to accept and to send the
// first byte, times the connections that it would have with this one, per unit of weight. One that
// has not been measured yet counts as the quickest of the others; averages are forgotten with time
// (load.h), so that a server that was slow once is tried again. O(n).

#include <algorithm>

#include "lbcore/balance/algorithms.h"
#include "lbcore/balance/least.h"

namespace hapair::lbcore::balance {

namespace {

class LeastResponseTime final : public Scheduler {
 public:
  explicit LeastResponseTime(size_t start) : least_(start) {}

  void update(std::span<const Candidate> candidates) override {
    least_.update(candidates);
    loads_.clear();
    for (const Member& member : least_.members()) loads_.push_back(candidates[member.index].load);
    times_.resize(loads_.size());
  }

  std::optional<size_t> pick(const Query& query) override {
    uint64_t quickest = 0;  // nobody was measured
    for (size_t place = 0; place < loads_.size(); ++place) {
      const Load& load = loads_[place];
      const uint64_t time = uint64_t{load.connect->at(query.now)} + load.first_byte->at(query.now);
      times_[place] = time;
      if (time != 0 && (quickest == 0 || time < quickest)) quickest = time;
    }
    quickest = std::max(quickest, uint64_t{1});
    return least_.pick(query, [&](size_t place, const Member& member) {
      const uint64_t time = times_[place] != 0 ? times_[place] : quickest;
      return static_cast<double>(time) * (member.active() + 1) / member.share;
    });
  }

 private:
  Least least_;
  std::vector<Load> loads_;      // by place
  std::vector<uint64_t> times_;  // scratch, by place, in microseconds; 0: not measured
};

}  // namespace

std::unique_ptr<Scheduler> make_least_response_time(size_t start) {
  return std::make_unique<LeastResponseTime>(start);
}

}  // namespace hapair::lbcore::balance
