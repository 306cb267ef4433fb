// `<state dir>/demoted`: there while this node is demoted, so that a restart changes nothing about
// it. Reads and writes block: at the start, or in a thread of their own.
#pragma once

#include <optional>
#include <string>

#include "common/result.h"
#include "vrrpd/operate/demotion.h"

namespace hapair::vrrp {

/// Nothing when the file is not there. One that cannot be read counts: better a node that waits
/// for an operator than one that serves against his word.
std::optional<Demotion> read_demotion(const std::string& state_dir);

/// Replaces the file as a whole and lets it reach the disk; without a demotion, removes it.
Status write_demotion(const std::string& state_dir, const std::optional<Demotion>& demotion);

}  // namespace hapair::vrrp
