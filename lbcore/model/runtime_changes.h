// What pairadm has changed since the configuration file was loaded, as the commands that do it
// again: how those changes get from one process to the next, whose file may be another one. Pure.
#pragma once

#include <string>
#include <vector>

#include "common/schema/control.pb.h"
#include "lbcore/model/spec.h"

namespace hapair::lbcore {

struct RuntimeChanges {
  std::vector<control::Request> commands;  // edits, in this order
  std::vector<std::string> beyond;         // what no edit can say: "pool web: ..."
};

/// The edits that make `running` of `file`.
RuntimeChanges runtime_changes(const Spec& file, const Spec& running);

struct Replayed {
  Spec spec;
  std::vector<std::string> left_out;  // edits that make no sense any more, with the reason
};

/// The file's Spec after these edits. One that fails (its server is gone from the file, ...) is
/// left out.
Replayed replay(const Spec& file, const std::vector<control::Request>& commands);

}  // namespace hapair::lbcore
