#include "vrrpd/config/config.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <net/if.h>

#include "common/config/pair_section.h"
#include "common/units.h"
#include "vrrpd/config/agreement.h"

namespace hapair::vrrp {

namespace {

using config::Section;

constexpr size_t kMaxAddresses = 20;  // per router: what an advertisement names
constexpr size_t kMaxExtraAddresses = 1000;

/// Collects the mistakes that a key table cannot see.
class Reader {
 public:
  explicit Reader(const config::Config& file) : file_(file) {}

  Result<DaemonConfig> run() {
    DaemonConfig out{.node = file_.node(), .routers = {}, .scripts = {}};
    read_the_pair(out);
    for (const Section* section : file_.all("track")) {
      out.scripts.push_back(read_script(*section, complain_));
    }
    for (const Section* section : file_.all("vrrp")) out.routers.push_back(router(*section));
    if (out.routers.empty()) {
      complain(
          Error{fmt::format("{}: no [vrrp NAME] section: vrrpd has nothing to do", file_.path())});
    }
    check_agreement(file_, out, complain_);
    share_tracks(out.routers);
    if (!mistakes_.empty()) return tl::unexpected(Error{mistakes_});
    return out;
  }

 private:
  void complain(const Error& error) {
    if (!mistakes_.empty()) mistakes_ += '\n';
    mistakes_ += error.message;
  }

  /// VRRP works without the key: a missing one costs the second path, not the node.
  void read_the_pair(DaemonConfig& out) {
    const auto pair = config::read_pair(file_);
    if (!pair) return complain(pair.error());
    if (!*pair) return;
    const auto keys = load_pair_keys((*pair)->key_file);
    if (keys) {
      out.pair = PairConfig{.pair = **pair, .keys = *keys};
    } else {
      out.pair_trouble = keys.error().message;
    }
    has_key_ = keys.has_value();
  }

  std::optional<WitnessConfig> witness(const Section& section) {
    std::string text = section.text("witness");
    if (text.empty()) return std::nullopt;
    WitnessConfig out{.kind = WitnessConfig::Kind::neighbour,
                      .target = {},
                      .interval = section.duration("witness_interval")};
    if (text.starts_with("tcp ")) {
      out.kind = WitnessConfig::Kind::tcp;
      text.erase(0, text.find_first_not_of(' ', 4));
      if (const auto target = Endpoint::parse(text); target && target->port != 0) {
        out.target = *target;
        return out;
      }
    } else if (const auto address = IpAddress::parse(text)) {
      out.target.ip = *address;
      return out;
    }
    complain(section.error("witness", fmt::format("'{}' is none; valid: ADDRESS, or tcp "
                                                  "ADDRESS:PORT",
                                                  section.text("witness"))));
    return std::nullopt;
  }

  bool authenticated(const Section& section, const RouterConfig& router) {
    const std::string& choice = section.text("authentication");
    if (choice == "no") return false;
    // Without the key there is nothing to sign with; the speaker knows. Whether there was one is
    // settled when it starts: a key that cannot be read at a reload must not silence a node.
    if (choice == "auto") return router.peer.has_value();
    if (!router.peer) {
      complain(
          section.error("authentication", "multicast carries none; valid: yes only with peer"));
    } else if (!has_key_) {
      complain(section.error("authentication",
                             "there is no pair key; valid: yes only with a [pair] "
                             "whose key_file can be read"));
    }
    return true;
  }

  RouterConfig router(const Section& section) {
    RouterConfig out;
    out.name = section.name();
    out.interface = section.text("interface");
    if (out.interface.size() >= IFNAMSIZ) {
      complain(section.error("interface", fmt::format("'{}' is too long; valid: at most {} letters",
                                                      out.interface, IFNAMSIZ - 1)));
    }
    out.vrid = static_cast<uint8_t>(section.integer("vrid"));
    out.parameters.priority = static_cast<uint8_t>(section.integer("priority"));
    out.parameters.interval = section.duration("advert_interval");
    if (out.parameters.interval % Duration(10ms) != Duration::zero()) {
      complain(section.error("advert_interval",
                             fmt::format("{} does not fit the wire, which counts centiseconds; "
                                         "valid: multiples of 10ms",
                                         format_duration(out.parameters.interval))));
    }
    out.parameters.preempt = section.yes("preempt");
    out.parameters.preempt_delay = section.duration("preempt_delay");
    if (out.parameters.preempt_delay > Duration::zero() && !out.parameters.preempt) {
      complain(section.error("preempt_delay", "nothing preempts here; valid: with preempt = yes"));
    }
    out.parameters.boot_hold = section.duration("boot_hold");
    out.parameters.sync_wait = section.duration("sync_wait");
    out.parameters.announce_refresh = section.duration("announce_refresh");
    out.addresses = addresses(section, "addresses", kMaxAddresses);
    if (section.has("extra_addresses")) {
      out.extra_addresses = addresses(section, "extra_addresses", kMaxExtraAddresses);
    }
    refuse_twins(section, out);
    decide_family(section, out);
    out.group = section.text("group");
    decide_virtual_mac(section, out);
    if (section.has("peer")) out.peer = peer(section, out);
    out.least_ttl = static_cast<uint8_t>(section.integer("min_ttl"));
    if (out.least_ttl != kTtl && !out.peer) {
      complain(section.error("min_ttl", "multicast never crosses a router; valid: only with peer"));
    }
    out.checksum = checksum(section.text("checksum"));
    check_version(section, out);
    check_link_local(section, out);
    const std::string& track = section.text("track_lbcore");
    out.track_lbcore = track == "yes" || (track == "auto" && file_.mentions("service"));
    out.witness = witness(section);
    out.parameters.witness = out.witness.has_value();
    out.authenticated = authenticated(section, out);
    out.announcements = static_cast<int>(section.integer("announcements"));
    out.announce_interval = section.duration("announce_interval");
    out.hooks = read_hooks(section, complain_);
    if (section.has("track")) out.track = section.list<std::string>("track");
    out.track_interfaces =
        parsed<TrackInterface>(section, "track_interfaces", &parse_track_interface);
    out.link_debounce = section.duration("link_debounce");
    out.routes = parsed<VirtualRoute>(section, "routes", &parse_route);
    return out;
  }

  /// A list of texts, each read by `parse`.
  template <typename T>
  std::vector<T> parsed(const Section& section, std::string_view key,
                        Result<T> (*parse)(std::string_view)) {
    std::vector<T> out;
    if (!section.has(key)) return out;
    for (const auto& text : section.list<std::string>(key)) {
      auto one = parse(text);
      if (one) {
        out.push_back(*std::move(one));
      } else {
        complain(section.error(key, one.error().message));
      }
    }
    return out;
  }

  std::vector<Prefix> addresses(const Section& section, std::string_view key, size_t most) {
    auto out = section.list<Prefix>(key);
    if (out.size() > most) {
      complain(section.error(
          key,
          fmt::format("{} are too many; valid: at most {} in one router, the rest {}", out.size(),
                      most, key == "addresses" ? "as extra_addresses" : "in another section")));
    }
    for (const Prefix& vip : out) {
      if (const std::string wrong = what_is_wrong_with(vip.ip); !wrong.empty()) {
        complain(section.error(key, wrong));
      }
    }
    return out;
  }

  void refuse_twins(const Section& section, const RouterConfig& router) {
    std::set<IpAddress> seen;
    for (const auto& [key, vips] : {std::pair{"addresses", &router.addresses},
                                    std::pair{"extra_addresses", &router.extra_addresses}}) {
      for (const Prefix& vip : *vips) {
        if (seen.insert(vip.ip).second) continue;
        complain(section.error(key, fmt::format("{} is named twice", vip.ip.to_string())));
      }
    }
  }

  static std::string_view family_name(int family) { return family == AF_INET6 ? "IPv6" : "IPv4"; }

  /// An advertisement carries one family, so a router has one.
  void decide_family(const Section& section, RouterConfig& router) {
    if (router.addresses.empty()) return;
    const IpAddress& first = router.addresses.front().ip;
    router.family = first.family();
    for (const Prefix& vip : router.addresses) {
      if (vip.ip.family() == router.family) continue;
      complain(section.error(
          "addresses",
          fmt::format("{} is {} and {} is {}; valid: one family per router, the other one in a "
                      "second [vrrp] section",
                      first.to_string(), family_name(first.family()), vip.ip.to_string(),
                      family_name(vip.ip.family()))));
      return;
    }
  }

  void decide_virtual_mac(const Section& section, RouterConfig& router) {
    router.virtual_mac = section.yes("virtual_mac");
    if (!router.virtual_mac) return;
    if (section.has("peer")) {
      complain(section.error("virtual_mac",
                             "a switch learns its port from multicast "
                             "advertisements; valid: without peer"));
    }
    router.virtual_mac_interface = section.text("virtual_mac_interface");
    if (router.virtual_mac_interface.empty()) {
      router.virtual_mac_interface =
          fmt::format("vrrp{}.{}", router.family == AF_INET6 ? "6" : "", router.vrid);
    }
    if (router.virtual_mac_interface.size() >= IFNAMSIZ) {
      complain(section.error("virtual_mac_interface",
                             fmt::format("'{}' is too long; valid: at most {} letters",
                                         router.virtual_mac_interface, IFNAMSIZ - 1)));
    }
  }

  /// RFC 3768: IPv4, whole seconds, one form of checksum.
  void check_version(const Section& section, RouterConfig& router) {
    router.parameters.version = static_cast<uint8_t>(section.integer("version"));
    const bool v2 = router.parameters.version == 2;
    if (v2 && router.family == AF_INET6) {
      complain(section.error("version", "2 knows no IPv6; valid: 3 where the addresses are IPv6"));
    }
    if (v2 && router.parameters.interval % Duration(1s) != Duration::zero()) {
      complain(section.error("advert_interval",
                             fmt::format("{} does not fit version 2, which counts whole seconds; "
                                         "valid: 1s to 40s in steps of 1s",
                                         format_duration(router.parameters.interval))));
    }
    if (router.checksum != ChecksumChoice::automatic && (v2 || router.family == AF_INET6)) {
      complain(section.error("checksum",
                             fmt::format("{} has one form of it; valid: auto, or version 3 with "
                                         "IPv4 addresses",
                                         v2 ? "version 2" : "IPv6")));
    }
  }

  /// RFC 9568 section 5.2.9: the first IPv6 address is link-local. The order in the file is not
  /// worth a mistake. Towards a unicast peer, of which the RFC knows nothing and whose network may
  /// be another one, there need not be one.
  void check_link_local(const Section& section, RouterConfig& router) {
    if (router.family != AF_INET6 || router.addresses.empty()) return;
    const auto link_local = std::find_if(router.addresses.begin(), router.addresses.end(),
                                         [](const Prefix& vip) { return vip.ip.is_link_local(); });
    if (link_local != router.addresses.end()) {
      std::rotate(router.addresses.begin(), link_local, link_local + 1);
    } else if (!router.peer) {
      complain(section.error(
          "addresses", fmt::format("none is link-local, and RFC 9568 wants the first to be; valid: "
                                   "one more, the same on both nodes, such as fe80::5e00:{:x}/64",
                                   0x200 + router.vrid)));
    }
  }

  static std::string what_is_wrong_with(const IpAddress& ip) {
    if (ip.is_multicast() || ip.is_unspecified()) {
      return fmt::format("{} is no address of a host", ip.to_string());
    }
    return {};
  }

  IpAddress peer(const Section& section, const RouterConfig& router) {
    const IpAddress out = section.address("peer");
    if (const std::string wrong = what_is_wrong_with(out); !wrong.empty()) {
      complain(section.error("peer", wrong));
    } else if (out.family() != router.family) {
      complain(section.error(
          "peer",
          fmt::format("{} is {} and the addresses are {}; valid: an address of their family",
                      out.to_string(), family_name(out.family()), family_name(router.family))));
    }
    if (router.is_vip(out)) {
      complain(section.error("peer", fmt::format("{} is a VIP of this router; valid: the peer's "
                                                 "own address",
                                                 out.to_string())));
    }
    return out;
  }

  static ChecksumChoice checksum(std::string_view text) {
    if (text == "rfc") return ChecksumChoice::rfc;
    if (text == "pseudo-header") return ChecksumChoice::pseudo_header;
    return ChecksumChoice::automatic;
  }

  const config::Config& file_;
  const Complain complain_ = [this](const Error& error) { complain(error); };
  std::string mistakes_;
  bool has_key_ = false;
};

Result<DaemonConfig> resolve(const Result<config::Config>& file) {
  if (!file) return tl::unexpected(file.error());
  return Reader(*file).run();
}

}  // namespace

std::vector<Prefix> RouterConfig::all_addresses() const {
  std::vector<Prefix> out = addresses;
  out.insert(out.end(), extra_addresses.begin(), extra_addresses.end());
  return out;
}

bool RouterConfig::is_vip(const IpAddress& ip) const {
  const auto same = [&](const Prefix& vip) { return vip.ip == ip; };
  return std::any_of(addresses.begin(), addresses.end(), same) ||
         std::any_of(extra_addresses.begin(), extra_addresses.end(), same);
}

std::set<std::string> DaemonConfig::hook_users() const {
  std::set<std::string> out;
  for (const RouterConfig& router : routers) {
    if (!router.hooks.user.empty()) out.insert(router.hooks.user);
  }
  for (const TrackScript& script : scripts) out.insert(script.user);
  return out;
}

Duration DaemonConfig::stop_hooks_take() const {
  Duration out{0};
  for (const RouterConfig& router : routers) {
    if (!router.hooks.of(HookKind::stop).empty()) out = std::max(out, router.hooks.timeout);
  }
  return out;
}

Result<DaemonConfig> load_config(const std::string& path, const std::string& node) {
  return resolve(config::load(path, node, config_kinds()));
}

Result<DaemonConfig> parse_config(std::string_view text, const std::string& path,
                                  const std::string& node) {
  return resolve(config::load_text(text, path, node, config_kinds()));
}

}  // namespace hapair::vrrp
