// Reads what `pairadm -S` prints back into commands, for [lbcore] restore: pairadm's own words, as
// far as a table needs them, with addresses as numbers. Pure. The same words on a command line are
// tools/pairadm/parse.h's business.
#pragma once

#include <string_view>

#include <google/protobuf/repeated_field.h>

#include "common/result.h"
#include "common/schema/control.pb.h"

namespace hapair::lbcore {

using Commands = google::protobuf::RepeatedPtrField<control::Request>;

/// One command a line; blank lines and those that begin with # are skipped. The error names the
/// line.
Result<Commands> parse_saved_table(std::string_view text);

}  // namespace hapair::lbcore
