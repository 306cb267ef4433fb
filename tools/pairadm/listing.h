// How a Listing is shown: byte for byte as ipvsadm shows its table, or as JSON. Pure but for the
// names.
#pragma once

#include <cstdint>
#include <string>

#include "common/schema/control.pb.h"
#include "tools/pairadm/json.h"
#include "tools/pairadm/shell.h"

namespace hapair::pairadm {

enum class Columns : uint8_t {
  plain,     // Forward Weight ActiveConn InActConn
  sessions,  // --persistent-conn: Weight PersistConn ActiveConn InActConn
};

struct ListingStyle {
  bool numeric = false;
  Columns columns = Columns::plain;
  bool whole_table = true;  // with the version line
  const Names& names;
};

/// By protocol, then address in unsigned order, then port; servers by address, then port.
void sort_listing(control::Listing& listing);

std::string listing_text(const control::Listing& listing, const ListingStyle& style);
std::string listing_json(const control::Listing& listing);

/// By its weight or its state an operator keeps new clients away from it.
bool taken_out(const control::Server& server);

/// One service as in --json of -L and of status.
Json service_json(const control::Service& service);

}  // namespace hapair::pairadm
