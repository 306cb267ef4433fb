#include "vrrpd/pair_path/message.h"

#include <algorithm>
#include <array>
#include <limits>

#include "vrrpd/wire/intervals.h"

namespace hapair::vrrp {

namespace {

constexpr std::array<uint8_t, 4> kMagic{'H', 'P', 'P', '1'};
constexpr uint16_t kNoWitness = 0xffff;

// Of the node.
constexpr uint8_t kAnswer = 0x01;
constexpr uint8_t kServing = 0x02;
constexpr uint8_t kInSync = 0x04;
constexpr uint8_t kDemoted = 0x08;
constexpr uint8_t kNodeFlags = 0x0f;
// Of a router, above its role.
constexpr uint8_t kRole = 0x03;
constexpr uint8_t kResigns = 0x04;
constexpr uint8_t kAsks = 0x08;
constexpr uint8_t kHearsYou = 0x10;
constexpr uint8_t kLinkOk = 0x20;
constexpr uint8_t kRouterFlags = 0x3f;

template <typename T>
void put(std::vector<uint8_t>& out, T value) {
  for (size_t shift = sizeof(T) * 8; shift > 0; shift -= 8) {
    out.push_back(static_cast<uint8_t>(static_cast<uint64_t>(value) >> (shift - 8)));
  }
}

uint16_t to_milliseconds(Duration duration, uint16_t most) {
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(duration).count();
  return static_cast<uint16_t>(std::clamp<int64_t>(ms, 0, most));
}

/// Takes values off the front; past the end it yields zeroes and is no longer good.
class Reader {
 public:
  explicit Reader(std::span<const uint8_t> bytes) : left_(bytes) {}

  template <typename T>
  T take() {
    uint64_t value = 0;
    for (const uint8_t byte : bytes(sizeof(T))) value = value << 8 | byte;
    return static_cast<T>(value);
  }
  std::span<const uint8_t> bytes(size_t count) {
    if (left_.size() < count) {
      good_ = false;
      left_ = {};
      return {};
    }
    const auto out = left_.first(count);
    left_ = left_.subspan(count);
    return out;
  }
  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] bool done() const { return good_ && left_.empty(); }

 private:
  std::span<const uint8_t> left_;
  bool good_ = true;
};

void put_router(std::vector<uint8_t>& out, const RouterWord& word) {
  put(out, word.id);
  put(out, word.vrid);
  put<uint8_t>(
      out, static_cast<uint8_t>((word.resigns ? kResigns : 0) | (word.asks ? kAsks : 0) |
                                (word.hears_you ? kHearsYou : 0) | (word.link_ok ? kLinkOk : 0) |
                                static_cast<uint8_t>(word.role)));
  put(out, word.priority);
  put(out, to_centiseconds(word.interval));
  put(out, word.witness_age ? to_milliseconds(*word.witness_age, kNoWitness - 1) : kNoWitness);
  const auto address = word.address.bytes();
  put(out, static_cast<uint8_t>(address.size()));
  out.insert(out.end(), address.begin(), address.end());
}

std::optional<RouterWord> take_router(Reader& in) {
  RouterWord out;
  out.id = in.take<uint32_t>();
  out.vrid = in.take<uint8_t>();
  const auto flags = in.take<uint8_t>();
  const uint8_t role = flags & kRole;
  if (role > static_cast<uint8_t>(Role::active) || (flags & ~kRouterFlags) != 0) return {};
  out.role = static_cast<Role>(role);
  out.resigns = (flags & kResigns) != 0;
  out.asks = (flags & kAsks) != 0;
  out.hears_you = (flags & kHearsYou) != 0;
  out.link_ok = (flags & kLinkOk) != 0;
  out.priority = in.take<uint8_t>();
  out.interval = from_centiseconds(in.take<uint16_t>());
  const auto witness_ms = in.take<uint16_t>();
  if (witness_ms != kNoWitness) out.witness_age = std::chrono::milliseconds(witness_ms);
  const auto length = in.take<uint8_t>();
  const auto address = in.bytes(length);
  if (!in.good() || (length != 4 && length != 16)) return {};
  out.address = length == 4 ? IpAddress::from_bytes(address.first<4>())
                            : IpAddress::from_bytes(address.first<16>());
  return out;
}

std::optional<HandoverNote> take_handover(Reader& in) {
  HandoverNote out;
  const auto kind = in.take<uint8_t>();
  if (kind > static_cast<uint8_t>(HandoverNote::Kind::refuse)) return {};
  out.kind = static_cast<HandoverNote::Kind>(kind);
  if (out.kind == HandoverNote::Kind::none) return out;
  out.router = in.take<uint32_t>();
  out.number = in.take<uint32_t>();
  const auto length = in.take<uint8_t>();
  if (length > kMostHandoverText) return {};
  // It goes into lines for people.
  for (const uint8_t byte : in.bytes(length)) {
    out.text += byte >= 0x20 && byte < 0x7f ? static_cast<char>(byte) : '?';
  }
  return out;
}

std::optional<PathMessage> take_message(Reader in) {
  PathMessage out;
  out.stamp.epoch = in.take<uint64_t>();
  out.stamp.sequence = in.take<uint64_t>();
  out.echo.epoch = in.take<uint64_t>();
  out.echo.sequence = in.take<uint64_t>();
  out.pace = std::chrono::milliseconds(in.take<uint16_t>());
  const auto flags = in.take<uint8_t>();
  if ((flags & ~kNodeFlags) != 0 || out.pace == Duration::zero()) return {};
  out.answer = (flags & kAnswer) != 0;
  out.serving = (flags & kServing) != 0;
  out.in_sync = (flags & kInSync) != 0;
  out.demoted = (flags & kDemoted) != 0;
  const auto count = in.take<uint8_t>();
  if (count > kMostPathRouters) return {};
  for (int i = 0; i < count; ++i) {
    auto word = take_router(in);
    if (!word) return {};
    out.routers.push_back(*word);
  }
  auto note = take_handover(in);
  if (!note || !in.done()) return {};
  out.handover = std::move(*note);
  return out;
}

}  // namespace

std::string_view name(PathRefusal reason) {
  switch (reason) {
    case PathRefusal::malformed:
      return "malformed";
    case PathRefusal::authentication:
      return "authentication";
    case PathRefusal::replayed:
      return "replayed";
    case PathRefusal::sender:
      return "not-the-peer";
  }
  return "unknown";
}

MacKey path_key(const PairKey& key, std::string_view sender) {
  return derive_key(key, "hapair vrrpd pair path 1, from " + std::string(sender));
}

// FNV-1a.
uint32_t router_id(std::string_view name) {
  uint32_t hash = 0x811c9dc5;
  for (const char letter : name) hash = (hash ^ static_cast<uint8_t>(letter)) * 0x01000193;
  return hash;
}

std::vector<uint8_t> encode(const PathMessage& message, const MacKey& key) {
  std::vector<uint8_t> out(kMagic.begin(), kMagic.end());
  out.reserve(256);
  put(out, message.stamp.epoch);
  put(out, message.stamp.sequence);
  put(out, message.echo.epoch);
  put(out, message.echo.sequence);
  put(out, to_milliseconds(message.pace, std::numeric_limits<uint16_t>::max()));
  put(out,
      static_cast<uint8_t>((message.answer ? kAnswer : 0) | (message.serving ? kServing : 0) |
                           (message.in_sync ? kInSync : 0) | (message.demoted ? kDemoted : 0)));
  const size_t routers = std::min(message.routers.size(), kMostPathRouters);
  put(out, static_cast<uint8_t>(routers));
  for (size_t i = 0; i < routers; ++i) put_router(out, message.routers[i]);
  const HandoverNote& note = message.handover;
  put(out, static_cast<uint8_t>(note.kind));
  if (note.kind != HandoverNote::Kind::none) {
    put(out, note.router);
    put(out, note.number);
    const std::string_view text = std::string_view(note.text).substr(0, kMostHandoverText);
    put(out, static_cast<uint8_t>(text.size()));
    out.insert(out.end(), text.begin(), text.end());
  }
  const MacTag tag = authenticate(key, out);
  out.insert(out.end(), tag.begin(), tag.end());
  return out;
}

tl::expected<PathMessage, PathRefusal> decode(std::span<const uint8_t> datagram,
                                              const MacKey& key) {
  constexpr size_t kTag = std::tuple_size_v<MacTag>;
  if (datagram.size() < kMagic.size() + kTag || datagram.size() > kMostPathBytes ||
      !std::equal(kMagic.begin(), kMagic.end(), datagram.begin())) {
    return tl::unexpected(PathRefusal::malformed);
  }
  const auto body = datagram.first(datagram.size() - kTag);
  if (!is_authentic(key, body, datagram.last(kTag))) {
    return tl::unexpected(PathRefusal::authentication);
  }
  auto message = take_message(Reader(body.subspan(kMagic.size())));
  if (!message) return tl::unexpected(PathRefusal::malformed);
  return std::move(*message);
}

}  // namespace hapair::vrrp
