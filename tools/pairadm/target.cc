#include "tools/pairadm/target.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/address.h"
#include "tools/pairadm/values.h"

namespace hapair::pairadm {

namespace {

/// Whether `address` is what was asked for; a missing port matches every one.
bool matches(const Target& wanted, const std::string& address) {
  const auto own = Endpoint::parse(address);
  return own && own->ip == wanted.ip && (!wanted.port || own->port == *wanted.port);
}

/// Names are tried first: what can be no address is not looked up.
std::optional<Target> as_target(const std::string& text, const Names& names) {
  if (text.find_first_of(".:") == std::string::npos) return std::nullopt;
  const auto target = parse_target(text, false, names);
  if (!target) return std::nullopt;
  return *target;
}

template <typename List, typename Describe>
std::string list_of(const List& things, Describe describe) {
  std::vector<std::string> all;
  for (const auto& thing : things) {
    std::string text = describe(thing);
    if (std::ranges::find(all, text) == all.end()) all.push_back(std::move(text));
  }
  if (all.empty()) return "there is none";
  return fmt::format("there {} {}", all.size() == 1 ? "is" : "are", fmt::join(all, ", "));
}

}  // namespace

Result<const control::Service*> find_service(const control::Listing& listing,
                                             const std::string& text, const Names& names) {
  const auto& all = listing.services();
  const auto first = [&](auto is_it) -> const control::Service* {
    const auto found = std::ranges::find_if(all, is_it);
    return found == all.end() ? nullptr : &*found;
  };
  if (const auto* named = first([&](const auto& it) { return it.name() == text; })) return named;
  if (const auto target = as_target(text, names)) {
    const auto at = [&](const auto& it) { return matches(*target, it.key().listen()); };
    if (std::ranges::count_if(all, at) > 1)
      return fail("{} is more than one service: name it, {}", text,
                  list_of(all, [](const auto& it) { return it.name(); }));
    if (const auto* found = first(at)) return found;
  }
  if (const auto* pool = first([&](const auto& it) { return it.pool() == text; })) return pool;
  return fail("No such service: {}; {}", text,
              list_of(all, [](const auto& it) { return it.name(); }));
}

Result<const control::Service*> find_pool(const control::Listing& listing,
                                          const std::string& pool) {
  const auto& all = listing.services();
  auto found = std::ranges::find(all, pool, &control::Service::pool);
  if (found == all.end()) found = std::ranges::find(all, pool, &control::Service::name);
  if (found != all.end()) return &*found;
  return fail("No such pool: {}; {}", pool, list_of(all, [](const auto& it) { return it.pool(); }));
}

Result<const control::Server*> find_server(const control::Service& service, const std::string& text,
                                           const Names& names) {
  const auto& all = service.servers();
  const auto named = std::ranges::find(all, text, &control::Server::name);
  if (named != all.end()) return &*named;
  if (const auto target = as_target(text, names)) {
    const auto at = [&](const auto& it) { return matches(*target, it.address()); };
    if (std::ranges::count_if(all, at) > 1)
      return fail("{} is more than one server of {}: name the port", text, service.name());
    const auto found = std::ranges::find_if(all, at);
    if (found != all.end()) return &*found;
  }
  return fail("No such destination: {} of {}; {}", text, service.name(),
              list_of(all, [](const auto& it) {
                return it.name() == it.address() ? it.name()
                                                 : fmt::format("{} ({})", it.name(), it.address());
              }));
}

}  // namespace hapair::pairadm
