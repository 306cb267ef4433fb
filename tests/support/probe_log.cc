#include <algorithm>
#include <set>

#include "tests/support/prober.h"

namespace hapair::test {

void ProbeLog::sent(uint64_t probe, TimePoint at) {
  const std::lock_guard lock(mutex_);
  if (sent_.size() <= probe) sent_.resize(probe + 1, at);
}

void ProbeLog::answered(uint64_t probe, TimePoint at, std::string_view who) {
  const std::lock_guard lock(mutex_);
  answers_.push_back({.probe = probe, .at = at, .who = std::string(who)});
}

std::vector<Gap> ProbeLog::all_gaps(TimePoint since) const {
  const TimePoint now = Clock::now();
  const std::lock_guard lock(mutex_);
  std::vector<Gap> out;
  if (sent_.empty()) return out;
  TimePoint previous = sent_.front();
  const auto add = [&](TimePoint end) {
    if (end > since) {
      const auto first = std::ranges::upper_bound(sent_, previous);
      const auto last = std::ranges::lower_bound(sent_, end);
      const auto lost = last > first ? static_cast<size_t>(last - first) : 0;
      out.push_back({.begin = previous, .end = end, .probes_lost = lost});
    }
    previous = end;
  };
  for (const Answer& answer : answers_) add(answer.at);
  add(now);
  return out;
}

std::vector<Gap> ProbeLog::gaps(TimePoint since, Duration longer_than) const {
  std::vector<Gap> out = all_gaps(since);
  std::erase_if(out, [&](const Gap& gap) { return gap.length() <= longer_than; });
  return out;
}

Duration ProbeLog::longest_gap(TimePoint since) const {
  const std::vector<Gap> all = all_gaps(since);
  const auto longest = std::ranges::max_element(all, {}, &Gap::length);
  return longest == all.end() ? Duration::zero() : longest->length();
}

std::vector<Stretch> ProbeLog::stretches(TimePoint since) const {
  const std::lock_guard lock(mutex_);
  std::vector<Stretch> out;
  for (const Answer& answer : answers_) {
    if (answer.at < since) continue;
    if (out.empty() || out.back().who != answer.who) {
      out.push_back({.who = answer.who, .first = answer.at, .last = answer.at, .answers = 0});
    }
    out.back().last = answer.at;
    ++out.back().answers;
  }
  return out;
}

Duration ProbeLog::dual_window(TimePoint since) const {
  const std::lock_guard lock(mutex_);
  std::map<uint64_t, std::set<std::string_view>> by_probe;
  for (const Answer& answer : answers_) {
    if (answer.at >= since) by_probe[answer.probe].insert(answer.who);
  }
  std::erase_if(by_probe, [](const auto& entry) { return entry.second.size() < 2; });
  if (by_probe.empty()) return Duration::zero();
  return sent_.at(by_probe.rbegin()->first) - sent_.at(by_probe.begin()->first);
}

size_t ProbeLog::answers(TimePoint since) const {
  const std::lock_guard lock(mutex_);
  return static_cast<size_t>(
      std::ranges::count_if(answers_, [&](const Answer& answer) { return answer.at >= since; }));
}

size_t ProbeLog::unanswered(TimePoint since, Duration young) const {
  const TimePoint until = Clock::now() - young;
  const std::lock_guard lock(mutex_);
  std::set<uint64_t> answered;
  for (const Answer& answer : answers_) answered.insert(answer.probe);
  size_t out = 0;
  for (uint64_t probe = 0; probe < sent_.size(); ++probe) {
    if (sent_[probe] >= since && sent_[probe] < until && !answered.contains(probe)) ++out;
  }
  return out;
}

std::string ProbeLog::last_answer() const {
  const std::lock_guard lock(mutex_);
  return answers_.empty() ? std::string() : answers_.back().who;
}

}  // namespace hapair::test
