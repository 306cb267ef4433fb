#include "tools/lab/client_log.h"

#include <algorithm>

namespace hapair::lab {

void ClientLog::mark(TimePoint now) {
  mark_ = now;
  if (last_probe_answer_ == TimePoint{}) last_probe_answer_ = now;
  longest_gap_ = Duration::zero();
  windows_ = 0;
  requests_ = 0;
  delayed_ = 0;
  outcomes_.fill(0);
  for (Session& session : sessions_) {
    session.at_mark = session.server;
    session.answered = false;
    session.changed = false;
  }
}

void ClientLog::probed(const HttpRequest::Answer& answer, TimePoint now) {
  if (answer.outcome != HttpRequest::Outcome::answered) return;
  gap_ends(now);
  via_ = answer.via;
}

void ClientLog::gap_ends(TimePoint now) {
  const Duration gap = now - last_probe_answer_;
  longest_gap_ = std::max(longest_gap_, gap);
  if (gap > kNoticeable) ++windows_;
  last_probe_answer_ = now;
}

size_t ClientLog::add_session() {
  sessions_.emplace_back();
  return sessions_.size() - 1;
}

void ClientLog::session_answered(size_t number, const HttpRequest::Answer& answer, TimePoint now) {
  ++requests_;
  ++outcomes_.at(static_cast<size_t>(answer.outcome));
  if (answer.outcome != HttpRequest::Outcome::answered) return;
  if (answer.took > kSlow) ++delayed_;
  Session& session = sessions_.at(number);
  if (now - answer.took >= mark_)
    session.answered = true;  // asked before it, an answer proves nothing
  if (!session.server.empty() && session.server != answer.server) session.changed = true;
  session.server = answer.server;
}

size_t ClientLog::silent() const {
  return static_cast<size_t>(
      std::ranges::count_if(sessions_, [](const Session& session) { return !session.answered; }));
}

ClientLog::Report ClientLog::report(TimePoint now) const {
  Report out{.since_mark = now - mark_,
             .outage = longest_gap_,
             .windows = windows_,
             .requests = requests_,
             .outcomes = outcomes_,
             .delayed = delayed_,
             .sessions = sessions_.size(),
             .silent = silent(),
             .via = via_};
  const Duration open = now - last_probe_answer_;
  out.outage = std::max(out.outage, open);
  if (open > kNoticeable) ++out.windows;
  out.failed = requests_ - outcomes_.at(static_cast<size_t>(HttpRequest::Outcome::answered));
  for (const Session& session : sessions_) {
    if (session.changed) {
      ++out.changed;
    } else if (session.answered && session.at_mark.empty()) {
      ++out.fresh;
    } else if (session.answered) {
      ++out.kept;
    }
    if (!session.server.empty()) ++out.servers[session.server];
  }
  return out;
}

}  // namespace hapair::lab
