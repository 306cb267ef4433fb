// What the sections of one file must agree on: identities, VIPs, groups, and what they refer to.
// Used by `config` when each section for itself is read.
#pragma once

#include <vector>

#include "common/config/schema.h"
#include "vrrpd/config/config.h"
#include "vrrpd/config/programs.h"

namespace hapair::vrrp {

/// Complains of every disagreement, at the later of the two sections.
void check_agreement(const config::Config& file, const DaemonConfig& config,
                     const Complain& complain);

/// What one of a group tracks counts for all of them: their priorities must stay equal.
void share_tracks(std::vector<RouterConfig>& routers);

}  // namespace hapair::vrrp
