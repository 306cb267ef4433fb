#include "lbcore/handover/connection_image.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include "lbcore/handover/connection_image.pb.h"

namespace hapair::lbcore::handover {

namespace {

constexpr uint32_t kLeastMss = 88;  // the kernel's own (TCP_MIN_SND_MSS is less, and not useful)
constexpr uint32_t kMostMss = 65535;
constexpr uint32_t kMostScale = 14;            // RFC 7323 section 2.3
constexpr uint32_t kMostWindow = 1U << 30;     // likewise
constexpr size_t kMostHeld = 2 * kMostQueued;  // a relay's own bytes and what a socket had of them
constexpr Duration kMostAge = std::chrono::hours(24 * 366 * 10);
constexpr uint32_t kMostAsked = 8;

/// Of two sequence numbers, modulo 2^32.
bool after(uint32_t a, uint32_t b) {
  return static_cast<int32_t>(b - a) < 0;
}

Status check_endpoint(const Endpoint& endpoint) {
  if (endpoint.port != 0 && !endpoint.ip.is_unspecified() && !endpoint.ip.is_multicast()) return {};
  return fail("{} is not an end of a connection", endpoint.to_string());
}

uint64_t to_us(Duration duration) {
  return static_cast<uint64_t>(std::max<int64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(duration).count(), 0));
}

Result<Duration> from_us(uint64_t us) {
  if (us > to_us(kMostAge)) return fail("{} us are too long", us);
  return std::chrono::microseconds(us);
}

void write(const TcpImage& image, wire::TcpImage& out) {
  out.set_local(image.local.to_string());
  out.set_remote(image.remote.to_string());
  out.set_transparent(image.transparent);
  out.set_sequence(image.sequence);
  out.set_acknowledged(image.acknowledged);
  out.set_sent(image.sent);
  out.set_received(image.received);
  out.set_mss(image.mss);
  out.set_sack(image.sack);
  out.set_timestamps(image.timestamps);
  out.set_timestamp(image.timestamp);
  if (image.scales) {
    out.set_scaled(true);
    out.set_send_scale(image.scales->send);
    out.set_receive_scale(image.scales->receive);
  }
  wire::Window& window = *out.mutable_window();
  window.set_updated_by(image.window.updated_by);
  window.set_send(image.window.send);
  window.set_most_send(image.window.most_send);
  window.set_receive(image.window.receive);
  window.set_told_at(image.window.told_at);
}

Result<TcpImage> read(wire::TcpImage& in) {
  const auto local = Endpoint::parse(in.local());
  if (!local) return tl::unexpected(local.error());
  const auto remote = Endpoint::parse(in.remote());
  if (!remote) return tl::unexpected(remote.error());
  TcpImage out;
  out.local = *local;
  out.remote = *remote;
  out.transparent = in.transparent();
  out.sequence = in.sequence();
  out.acknowledged = in.acknowledged();
  out.sent = std::move(*in.mutable_sent());
  out.received = std::move(*in.mutable_received());
  out.mss = in.mss();
  out.sack = in.sack();
  out.timestamps = in.timestamps();
  out.timestamp = in.timestamp();
  if (in.scaled()) {
    if (in.send_scale() > kMostScale || in.receive_scale() > kMostScale) {
      return fail("a window scale is above {}", kMostScale);
    }
    out.scales = TcpImage::Scales{.send = static_cast<uint8_t>(in.send_scale()),
                                  .receive = static_cast<uint8_t>(in.receive_scale())};
  }
  const wire::Window& window = in.window();
  out.window = {.updated_by = window.updated_by(),
                .send = window.send(),
                .most_send = window.most_send(),
                .receive = window.receive(),
                .told_at = window.told_at()};
  if (const auto valid = validate(out); !valid) return tl::unexpected(valid.error());
  return out;
}

}  // namespace

Status validate(const TcpImage& image) {
  for (const Endpoint* end : {&image.local, &image.remote}) {
    if (auto valid = check_endpoint(*end); !valid) return valid;
  }
  if (image.local.ip.family() != image.remote.ip.family()) return fail("its ends do not match");
  if (image.mss < kLeastMss || image.mss > kMostMss) return fail("an mss of {}", image.mss);
  if (image.sent.size() > kMostQueued || image.received.size() > kMostQueued) {
    return fail("more bytes wait than can be moved");
  }
  const auto& window = image.window;
  if (std::max({window.send, window.most_send, window.receive}) > kMostWindow) {
    return fail("a window is too large");
  }
  if (window.most_send < window.send) return fail("its window is larger than it ever was");
  if (after(window.updated_by, image.acknowledged + window.receive) ||
      after(window.told_at, image.acknowledged)) {
    return fail("its window does not fit its sequence numbers");
  }
  return {};
}

std::string encode(const ConnectionImage& image) {
  wire::ConnectionImage out;
  out.set_listen(image.listen.to_string());
  out.set_pool(image.pool);
  out.set_server(image.server.to_string());
  out.set_client(image.client.to_string());
  write(image.client_side, *out.mutable_client_side());
  write(image.server_side, *out.mutable_server_side());
  out.set_up(image.up);
  out.set_down(image.down);
  out.set_age_us(to_us(image.age));
  out.set_idle_us(to_us(image.idle));
  wire::Course& course = *out.mutable_course();
  course.set_bytes_in(image.course.bytes_in);
  course.set_bytes_out(image.course.bytes_out);
  course.set_asked_us(image.course.asked_us);
  course.set_connect_us(image.course.connect_us);
  course.set_request_us(image.course.request_us);
  course.set_first_byte_us(image.course.first_byte_us);
  out.set_from_session(image.from_session);
  out.set_asked(image.asked);
  return out.SerializeAsString();
}

Result<ConnectionImage> decode(std::string_view bytes) {
  wire::ConnectionImage in;
  if (bytes.size() > static_cast<size_t>(std::numeric_limits<int>::max()) ||
      !in.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return fail("not an image of a connection");
  }
  const auto listen = Endpoint::parse(in.listen());
  if (!listen) return tl::unexpected(listen.error());
  const auto server = Endpoint::parse(in.server());
  if (!server) return tl::unexpected(server.error());
  const auto client = Endpoint::parse(in.client());
  if (!client) return tl::unexpected(client.error());
  auto client_side = read(*in.mutable_client_side());
  if (!client_side) return tl::unexpected(client_side.error());
  auto server_side = read(*in.mutable_server_side());
  if (!server_side) return tl::unexpected(server_side.error());
  if (in.up().size() > kMostHeld || in.down().size() > kMostHeld) {
    return fail("more bytes wait than can be moved");
  }
  const auto age = from_us(in.age_us());
  if (!age) return tl::unexpected(age.error());
  const auto idle = from_us(in.idle_us());
  if (!idle) return tl::unexpected(idle.error());

  ConnectionImage out;
  out.listen = *listen;
  out.pool = in.pool();
  out.server = *server;
  out.client = *client;
  out.client_side = std::move(*client_side);
  out.server_side = std::move(*server_side);
  out.up = std::move(*in.mutable_up());
  out.down = std::move(*in.mutable_down());
  out.age = *age;
  out.idle = *idle;
  const wire::Course& course = in.course();
  out.course = {.bytes_in = course.bytes_in(),
                .bytes_out = course.bytes_out(),
                .asked_us = course.asked_us(),
                .connect_us = course.connect_us(),
                .request_us = course.request_us(),
                .first_byte_us = course.first_byte_us()};
  out.from_session = in.from_session();
  out.asked = static_cast<uint8_t>(std::clamp<uint32_t>(in.asked(), 1, kMostAsked));
  return out;
}

}  // namespace hapair::lbcore::handover
