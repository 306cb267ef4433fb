// -L: the services and their servers, as ipvsadm prints them or as JSON.
#include <fmt/format.h>

#include "tools/pairadm/listing.h"
#include "tools/pairadm/request.h"
#include "tools/pairadm/verbs.h"

namespace hapair::pairadm {

Result<control::Request> list_request(const Invocation& in, const Names& names) {
  control::Request request;
  control::ListRequest& list = *request.mutable_list();
  if (in.has(Opt::tcp_service) || in.has(Opt::udp_service)) {
    auto key = service_key(in, names);
    if (!key) return tl::unexpected(key.error());
    *list.mutable_service() = std::move(*key);
  }
  return request;
}

int run_list(const Invocation& in, Shell& shell) {
  const auto request = in.command->request(in, shell.names);
  if (!request) {
    shell.err << fmt::format("pairadm: {}\n", request.error().message);
    return kUsage;
  }
  const auto reply =
      shell.ask({.daemon = "lbcore", .run_dir = in.run_dir, .wait = in.wait}, *request);
  if (!reply || reply->code() != control::OK) {
    shell.err << fmt::format("pairadm: {}\n", reply ? reply->message() : reply.error().message);
    return kListFailed;
  }
  control::Listing listing = reply->listing();
  if (!in.has(Opt::nosort)) sort_listing(listing);
  if (in.has(Opt::json)) {
    shell.out << listing_json(listing);
    return kDone;
  }
  shell.out << listing_text(
      listing, {.numeric = in.has(Opt::numeric),
                .columns = in.has(Opt::persistent_conn) ? Columns::sessions : Columns::plain,
                .whole_table = !request->list().has_service(),
                .names = shell.names});
  return kDone;
}

}  // namespace hapair::pairadm
