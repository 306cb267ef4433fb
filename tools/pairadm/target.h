// Services and servers as people name them: by name, by pool, or by address. Pure but for the names
// that `Names` resolves.
#pragma once

#include <string>

#include "common/result.h"
#include "common/schema/control.pb.h"
#include "tools/pairadm/shell.h"

namespace hapair::pairadm {

/// The service named `text`, else the one that listens there, else the first one of that pool. Null
/// with an error that says which there are.
Result<const control::Service*> find_service(const control::Listing& listing,
                                             const std::string& text, const Names& names);

/// A service of the pool named `pool`, else the service with that name.
Result<const control::Service*> find_pool(const control::Listing& listing, const std::string& pool);

/// The server of `service` with that name or address; without a port, the only one there.
Result<const control::Server*> find_server(const control::Service& service, const std::string& text,
                                           const Names& names);

}  // namespace hapair::pairadm
