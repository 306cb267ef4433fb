#include "vrrpd/speaker/role_link.h"

#include <algorithm>
#include <utility>

#include "common/control_socket.h"
#include "common/schema/role.pb.h"

namespace hapair::vrrp {

namespace {

constexpr Duration kRetry = 25ms;
constexpr Duration kGrace = 2ms;
constexpr uint32_t kLongestLeaseMs = 60'000;
constexpr FrameStream::Limits kLimits{.max_frame_bytes = size_t{64} << 10,
                                      .max_queued_bytes = size_t{1} << 20};

}  // namespace

RoleLink::RoleLink(EventLoop& loop, Logger& log, std::string path, Callbacks callbacks)
    : loop_(loop),
      log_(log),
      path_(std::move(path)),
      callbacks_(std::move(callbacks)),
      known_trouble_(lease_.trouble()),
      lapse_(loop, [this] { on_lapse(); }),
      retry_(loop, [this] { connect(); }) {
  retry_.arm(loop.now());
}

void RoleLink::tell(std::string node_role) {
  node_role_ = std::move(node_role);
  if (stream_) stream_->send(node_role_);
}

void RoleLink::connect() {
  auto fd = connect_unix(path_);
  if (!fd) {
    retry_.arm(loop_.now() + kRetry);
    return;
  }
  stream_ = std::make_unique<FrameStream>(
      loop_, std::move(*fd), kLimits, [this](std::string_view payload) { on_frame(payload); },
      [this](const std::string& reason) { on_close(reason); });
  if (!node_role_.empty()) stream_->send(node_role_);
}

void RoleLink::on_frame(std::string_view payload) {
  role::Serving word;
  if (!word.ParseFromArray(payload.data(), static_cast<int>(payload.size()))) {
    log_.remote("lbcore", "sent something that is not role.proto");
    return;
  }
  const uint32_t lease_ms = std::clamp(word.lease_ms(), 1U, kLongestLeaseMs);
  lease_.renew({.serving = word.serving(),
                .reason = word.reason(),
                .lease = std::chrono::milliseconds(lease_ms),
                .in_sync = word.in_sync(),
                .hands_over = word.hands_over()},
               loop_.now());
  grace_ = false;
  lapse_.arm(lease_.lapses_at());
  changed();
  callbacks_.on_handover(word.has_handover() ? &word.handover() : nullptr);
}

void RoleLink::on_close(const std::string&) {
  lease_.disconnect();
  lapse_.disarm();
  // We are inside a callback of the stream.
  loop_.defer([closed = std::shared_ptr<FrameStream>(std::move(stream_))] {});
  retry_.arm(loop_.now() + kRetry);
  changed();
  callbacks_.on_close();
}

void RoleLink::on_lapse() {
  // Were we the ones who slept, a renewal may wait in the socket: give the loop one round to read
  // it.
  if (!std::exchange(grace_, true)) {
    lapse_.arm(loop_.now() + kGrace);
    return;
  }
  lease_.check(loop_.now());
  changed();
}

void RoleLink::changed() {
  const std::string trouble = lease_.trouble();
  if (trouble == known_trouble_ && lease_.in_sync() == known_sync_) return;
  if (trouble != known_trouble_) {
    if (trouble.empty()) {
      log_.info("lbcore", "serves");
    } else {
      log_.info("lbcore", "does not serve: {}", trouble);
    }
  }
  known_trouble_ = trouble;
  known_sync_ = lease_.in_sync();
  callbacks_.on_change();
}

}  // namespace hapair::vrrp
