#include "common/config/pair_section.h"

#include <array>

namespace hapair::config {

namespace {

constexpr std::array kPairKeys{
    Key{.name = "address",
        .type = Type::endpoint,
        .fallback = std::nullopt,
        .reloadable = false,
        .help = "this node's end of the pair link; one per node"},
    Key{.name = "key_file",
        .type = Type::text,
        .fallback = "/etc/hapair/pair.key",
        .help = "the pair's shared key, made by pairadm keygen; two lines while it is rotated"},
};

}  // namespace

const Kind kPairKind{.name = "pair", .named = Kind::Named::never, .keys = kPairKeys};

Result<std::optional<Pair>> read_pair(const Config& config) {
  const Section* own = config.find("pair");
  if (own == nullptr) return std::nullopt;
  const std::string peer = config.peer();
  if (peer.empty()) {
    return tl::unexpected(
        own->error("address", "a pair has two nodes: write address@ONE and address@OTHER"));
  }
  const Section* other = config.find_as(peer, "pair");
  Pair pair{.node = config.node(),
            .peer = peer,
            .own = own->endpoint("address"),
            .other = other->endpoint("address"),
            .key_file = own->text("key_file")};
  if (pair.own == pair.other) {
    return tl::unexpected(
        own->error("address", fmt::format("both nodes have {}", pair.own.to_string())));
  }
  if (pair.own.ip.family() != pair.other.ip.family()) {
    return tl::unexpected(own->error("address", "one node has an IPv4, the other an IPv6 address"));
  }
  if (pair.own.port == 0 || pair.other.port == 0) {
    return tl::unexpected(own->error("address", "port 0 is no port; valid: 1 to 65535"));
  }
  return pair;
}

}  // namespace hapair::config
