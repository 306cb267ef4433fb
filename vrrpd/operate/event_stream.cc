#include "vrrpd/operate/event_stream.h"

#include <chrono>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "common/schema/control.pb.h"

namespace hapair::vrrp {

namespace {

std::string reply_of(const EventRecord& event, bool last) {
  control::Reply reply;
  control::VrrpEvent& out = *reply.mutable_event();
  out.set_sequence(event.sequence);
  out.set_unix_ms(event.unix_ms);
  out.set_kind(std::string(name(event.kind)));
  out.set_router(event.router);
  out.set_from(event.from);
  out.set_to(event.to);
  out.set_reason(event.reason);
  out.set_last(last);
  return reply.SerializeAsString();
}

std::string end_of_stream(control::Code code, const std::string& message) {
  control::Reply reply;
  reply.set_code(code);
  reply.set_message(message);
  reply.mutable_event()->set_last(true);
  return reply.SerializeAsString();
}

int64_t unix_ms_now() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

void EventStream::add(EventRecord event) {
  event.unix_ms = unix_ms_now();
  const EventRecord& added = ring_.add(std::move(event));
  if (followers_.empty()) return;
  const std::string reply = reply_of(added, false);
  // A failed send forgets its follower: walk over a copy.
  for (const auto id : std::vector(followers_.begin(), followers_.end())) {
    ControlConnection* follower = server_.find(id);
    if (follower == nullptr) {
      followers_.erase(id);
    } else if (follower->queued_bytes() > kMostQueuedBytes) {
      followers_.erase(id);
      follower->send(end_of_stream(
          control::FAILED,
          fmt::format("cut off before event {}: what came before was not read", added.sequence)));
      follower->finish();
    } else {
      follower->send(reply);
    }
  }
}

void EventStream::begin(ControlConnection& to, bool follow) {
  const auto& events = ring_.events();
  for (size_t i = 0; i < events.size(); ++i) {
    to.send(reply_of(events[i], !follow && i + 1 == events.size()));
  }
  if (follow) {
    followers_.insert(to.id());
  } else if (events.empty()) {
    to.send(end_of_stream(control::OK, {}));
  }
}

}  // namespace hapair::vrrp
