// How a Listing is shown: byte for byte as ipvsadm shows its table, or as JSON. Pure but for the
// names.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/schema/control.pb.h"
#include "tools/pairadm/json.h"
#include "tools/pairadm/shell.h"

namespace hapair::pairadm {

enum class Columns : uint8_t {
  plain,       // Forward Weight ActiveConn InActConn
  sessions,    // --persistent-conn: Weight PersistConn ActiveConn InActConn
  stats,       // Conns InPkts OutPkts InBytes OutBytes
  thresholds,  // Uthreshold Lthreshold ActiveConn InActConn
  rate,        // CPS InPPS OutPPS InBPS OutBPS
  latency,     // Time Count p50 p90 p99 p99.9, three rows each
};

struct ListingStyle {
  bool numeric = false;
  Columns columns = Columns::plain;
  bool whole_table = true;  // with the version line
  bool exact = false;       // large figures whole
  const Names& names;
};

/// By protocol, then address in unsigned order, then port; servers by address, then port.
void sort_listing(control::Listing& listing);

std::string listing_text(const control::Listing& listing, const ListingStyle& style);
std::string listing_json(const control::Listing& listing);

/// The heading and a row's figures of Columns::stats and rate (listing_figures.cc); `Counted` is a
/// control::Service or Server.
std::string figures_head(Columns columns);
template <typename Counted>
std::string figures_row(const Counted& counted, Columns columns, bool exact);
/// The same of Columns::latency (listing_latency.cc); the rows begin with the thing's address.
std::string latency_head();
std::string latency_rows(std::string_view address, const control::Latency& latency);

/// -L --timeout (set.cc); null when they were not told.
std::string timeouts_text(const control::Timeouts& timeouts);
Json timeouts_json(const control::Listing& listing);

/// "www.example.org:http" for "192.0.2.10:80", as far as there are names.
std::string with_names(const std::string& text, control::Protocol protocol, const Names& names);

/// " -M 255.255.255.0", or nothing when the whole address counts.
std::string mask_option(const control::Service& service);
/// The commands that make this service as it is (save.cc).
std::string saved(const control::Service& service);

/// By its weight or its state an operator keeps new clients away from it.
bool taken_out(const control::Server& server);

}  // namespace hapair::pairadm
