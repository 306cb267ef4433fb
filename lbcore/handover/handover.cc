#include "lbcore/handover/handover.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "common/address.h"

namespace hapair::lbcore::handover {

namespace {

constexpr std::string_view kSubsystem = "handover";
constexpr size_t kFrameBytes = size_t{256} << 10;      // of images in one frame
constexpr size_t kMostPieces = 4096;                   // in one frame
constexpr size_t kMostImageBytes = size_t{512} << 20;  // of one handover
constexpr size_t kMostImages = size_t{1} << 20;
constexpr size_t kMostTextBytes = 300;
constexpr size_t kFailuresToLog = 3;

/// The peer's words in our log and on to vrrpd: printable, one line, bounded.
std::string printable(const std::string& text) {
  std::string out = text.substr(0, kMostTextBytes);
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  return out;
}

role::Moved printable(const role::Moved& moved) {
  role::Moved out = moved;
  out.clear_cut();
  for (const auto& [why, count] : moved.cut()) {
    if (out.cut_size() == 32) break;
    (*out.mutable_cut())[printable(why)] += count;
  }
  return out;
}

uint64_t sum(const google::protobuf::Map<std::string, uint64_t>& counts) {
  uint64_t out = 0;
  for (const auto& [why, count] : counts) out += count;
  return out;
}

}  // namespace

Handover::Handover(Surroundings around)
    : around_(std::move(around)), deadline_(around_.loop, [this] {
        post([this](TimePoint now) { return order_.expired(now); });
      }) {}

// ---- Events

void Handover::post(Event event) {
  events_.push_back(std::move(event));
  if (std::exchange(handling_, true)) return;
  around_.loop.defer([alive = std::weak_ptr<Handover*>(alive_)] {
    if (const auto self = alive.lock()) (*self)->handle();
  });
}

void Handover::handle() {
  while (!events_.empty()) {
    const Event event = std::move(events_.front());
    events_.pop_front();
    run(event(around_.loop.refresh_now()));
  }
  handling_ = false;
  if (const auto at = order_.deadline()) {
    deadline_.arm(*at);
  } else {
    deadline_.disarm();
  }
}

void Handover::run(const Actions& actions) {
  for (const Action& action : actions) {
    std::visit([this](const auto& one) { execute(one); }, action);
  }
}

void Handover::vrrpd_says(Node node) {
  post([this, node = std::move(node)](TimePoint now) { return order_.vrrpd_says(node, now); });
}

void Handover::abandon(const std::string& reason) {
  post([this, reason](TimePoint now) { return order_.abandon(reason, now); });
}

// ---- What is to be done

void Handover::execute(const Tell&) {
  around_.on_word();
}

void Handover::execute(const SendFrame& action) {
  // What was on its way before a change of mind is of no use any more.
  if (action.frame.what_case() == wire::Handover::kAbandon) sending_.reset();
  frames_.push_back(action.frame);
  around_.on_sending();
}

void Handover::execute(const SendImages& action) {
  sending_ = Sending{.number = action.number, .images = std::move(frozen_images_)};
  frozen_images_.clear();
  around_.on_sending();
}

void Handover::execute(const Quiesce&) {
  around_.connections.quiesce([this] {
    open_when_quiet_ = around_.connections.open();
    post([this](TimePoint now) { return order_.quiesced(now); });
  });
}

void Handover::execute(const Resume&) {
  around_.connections.resume();
}

void Handover::execute(const Freeze& action) {
  std::set<IpAddress> vips;
  for (const std::string& text : action.addresses) {
    if (const auto ip = IpAddress::parse(text)) vips.insert(*ip);
  }
  around_.connections.freeze(std::move(vips), [this](Connections::Frozen frozen) {
    Order::Frozen what{.moving = frozen.images.size(), .drained = 0, .left = {}};
    const size_t open = around_.connections.open();
    if (open < open_when_quiet_) what.drained = open_when_quiet_ - open;
    for (const auto& [why, count] : frozen.left) what.left[why] += count;
    frozen_images_ = std::move(frozen.images);
    post([this, what](TimePoint now) { return order_.frozen(what, now); });
  });
}

void Handover::execute(const Thaw&) {
  frozen_images_.clear();
  sending_.reset();
  around_.connections.thaw();
}

void Handover::execute(const DiscardFrozen&) {
  frozen_images_.clear();
  sending_.reset();
  around_.connections.discard_frozen();
}

void Handover::execute(const Restore&) {
  image_bytes_ = 0;
  around_.connections.restore(
      std::exchange(images_, {}), [this](const Connections::Restored& restored) {
        ByReason failed;
        if (!restored.failures.empty()) failed["not restored there"] = restored.failures.size();
        for (size_t i = 0; i < std::min(restored.failures.size(), kFailuresToLog); ++i) {
          around_.log.environment(kSubsystem, "a connection is not restored: {}",
                                  restored.failures[i]);
        }
        post([this, count = restored.connections, failed](TimePoint now) {
          return order_.restored(count, failed, now);
        });
      });
}

void Handover::execute(const Revive&) {
  around_.connections.revive();
}

void Handover::execute(const DiscardRestored&) {
  images_.clear();
  image_bytes_ = 0;
  around_.connections.discard_restored();
}

void Handover::execute(const Ended& ended) {
  const uint64_t cut = sum(ended.moved.cut());
  if (ended.failed) {
    ++counters_.failed;
    around_.log.environment(kSubsystem, "{}: {}", ended.gave ? "taken back" : "given up",
                            ended.reason);
    return;
  }
  if (ended.gave) {
    ++counters_.given;
    counters_.connections_given += ended.moved.moved();
    counters_.connections_cut += cut;
  } else {
    ++counters_.taken;
    counters_.connections_taken += ended.moved.moved();
  }
  if (!ended.reason.empty()) {
    around_.log.info(kSubsystem, "{}", ended.reason);
    return;
  }
  around_.log.info(kSubsystem,
                   "{}: {} connections moved, {} drained, {} cut; frozen in {:.1f} ms, sent and "
                   "restored in {:.1f} ms",
                   ended.gave ? "the peer is Active" : "Active", ended.moved.moved(),
                   ended.moved.drained(), cut,
                   static_cast<double>(ended.moved.freeze_us()) / 1000.0,
                   static_cast<double>(ended.moved.send_us()) / 1000.0);
  for (const auto& [why, count] : ended.moved.cut()) {
    if (ended.gave) around_.log.info(kSubsystem, "cut: {}, {} connections", why, count);
  }
}

// ---- The pair link

void Handover::up(const replicate::wire::Hello&, TimePoint) {
  post([this](TimePoint now) { return order_.peer_up(now); });
}

void Handover::down() {
  frames_.clear();
  sending_.reset();
  images_.clear();
  image_bytes_ = 0;
  post([this](TimePoint now) { return order_.peer_down(now); });
}

Status Handover::take(const replicate::wire::Frame& frame, TimePoint) {
  wire::Handover in = frame.handover();
  switch (in.what_case()) {
    case wire::Handover::WHAT_NOT_SET:
      return {};  // of a later version
    case wire::Handover::kImages:
      return take_images(in);
    case wire::Handover::kOffer: {
      const auto& offer = in.offer();
      const bool sane = offer.routers_size() > 0 &&
                        static_cast<size_t>(offer.routers_size()) <= Order::kMostRouters &&
                        static_cast<size_t>(offer.addresses_size()) <= Order::kMostAddresses &&
                        std::all_of(offer.routers().begin(), offer.routers().end(),
                                    [](const auto& name) { return name == printable(name); });
      if (!sane) return fail("an offer of {} routers", offer.routers_size());
      images_.clear();
      image_bytes_ = 0;
      unfinished_ = false;
      break;
    }
    case wire::Handover::kAllSent:
      if (order_.collects(in.number()) && (unfinished_ || images_.size() != in.all_sent())) {
        return fail("{} connections were sent, {} came", in.all_sent(), images_.size());
      }
      break;
    case wire::Handover::kGo:
      *in.mutable_go() = printable(in.go());
      break;
    case wire::Handover::kAbandon:
      in.set_abandon(printable(in.abandon()));
      break;
    case wire::Handover::kRefuse:
      in.set_refuse(printable(in.refuse()));
      break;
    case wire::Handover::kFailed:
      in.set_failed(printable(in.failed()));
      break;
    default:
      break;
  }
  post([this, in](TimePoint now) { return order_.frame(in, now); });
  return {};
}

Status Handover::take_images(const wire::Handover& frame) {
  if (!order_.collects(frame.number())) return {};  // of one that was given up
  for (const std::string& piece : frame.images().pieces()) {
    image_bytes_ += piece.size();
    if (image_bytes_ > kMostImageBytes || images_.size() >= kMostImages) {
      return fail("more connections than one handover may have");
    }
    if (std::exchange(unfinished_, false)) {
      images_.back() += piece;
    } else {
      images_.push_back(piece);
    }
  }
  unfinished_ = frame.images().unfinished() && !images_.empty();
  wire::Handover first;  // the order needs no more of it
  first.set_number(frame.number());
  first.mutable_images();
  post([this, first](TimePoint now) { return order_.frame(first, now); });
  return {};
}

bool Handover::next(replicate::wire::Frame& frame, TimePoint) {
  if (!frames_.empty()) {
    *frame.mutable_handover() = std::move(frames_.front());
    frames_.pop_front();
    return true;
  }
  return sending_ && next_images(*frame.mutable_handover());
}

bool Handover::next_images(wire::Handover& out) {
  Sending& sending = *sending_;
  out.set_number(sending.number);
  if (sending.at == sending.images.size()) {
    out.set_all_sent(sending.images.size());
    sending_.reset();
    return true;
  }
  size_t room = kFrameBytes;
  auto& images = *out.mutable_images();
  while (room > 0 && sending.at < sending.images.size() &&
         static_cast<size_t>(images.pieces_size()) < kMostPieces) {
    std::string& image = sending.images[sending.at];
    const size_t size = std::min(room, image.size() - sending.written);
    images.add_pieces(image.substr(sending.written, size));
    room -= size;
    sending.written += size;
    if (sending.written < image.size()) break;
    image = {};
    sending.written = 0;
    ++sending.at;
  }
  images.set_unfinished(sending.written > 0);
  return true;
}

}  // namespace hapair::lbcore::handover
