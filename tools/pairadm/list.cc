// -L: the services and their servers, as ipvsadm prints them or as JSON.
#include <fmt/format.h>

#include "tools/pairadm/listing.h"
#include "tools/pairadm/request.h"
#include "tools/pairadm/verbs.h"

namespace hapair::pairadm {

Result<control::Request> list_request(const Invocation& in, const Names& names) {
  control::Request request;
  control::ListRequest& list = *request.mutable_list();
  list.set_latency(in.has(Opt::latency));
  if (names_service(in)) {
    auto key = service_key(in, names);
    if (!key) return tl::unexpected(key.error());
    *list.mutable_service() = std::move(*key);
  }
  return request;
}

tl::expected<control::Listing, int> fetch_listing(const Invocation& in, Shell& shell,
                                                  const control::Request& request) {
  auto reply = shell.ask({.daemon = "lbcore", .run_dir = in.run_dir, .wait = in.wait}, request);
  if (reply && reply->code() == control::OK) return std::move(*reply->mutable_listing());
  shell.err << fmt::format("pairadm: {}\n", reply ? reply->message() : reply.error().message);
  return tl::unexpected(static_cast<int>(kListFailed));
}

namespace {

Columns columns_of(const Invocation& in) {
  if (in.has(Opt::stats)) return Columns::stats;
  if (in.has(Opt::rate)) return Columns::rate;
  if (in.has(Opt::latency)) return Columns::latency;
  if (in.has(Opt::thresholds)) return Columns::thresholds;
  return in.has(Opt::persistent_conn) ? Columns::sessions : Columns::plain;
}

}  // namespace

int run_list(const Invocation& in, Shell& shell) {
  if (in.has(Opt::connection)) return run_connections(in, shell);
  const auto request = in.command->request(in, shell.names);
  if (!request) {
    shell.err << fmt::format("pairadm: {}\n", request.error().message);
    return kUsage;
  }
  auto listing = fetch_listing(in, shell, *request);
  if (!listing) return listing.error();
  if (in.has(Opt::timeout)) {
    shell.out << (in.has(Opt::json) ? json_text(Json{{"timeouts", timeouts_json(*listing)}})
                                    : timeouts_text(listing->timeouts()));
    return kDone;
  }
  if (!in.has(Opt::nosort)) sort_listing(*listing);
  if (in.has(Opt::json)) {
    shell.out << listing_json(*listing);
    return kDone;
  }
  shell.out << listing_text(*listing, {.numeric = in.has(Opt::numeric),
                                       .columns = columns_of(in),
                                       .whole_table = !names_service(in),
                                       .exact = in.has(Opt::exact),
                                       .names = shell.names});
  return kDone;
}

}  // namespace hapair::pairadm
