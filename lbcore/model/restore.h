// What `pairadm -R` makes of a Spec: many commands, all or none. Pure. Called by ControlApi.
//
// Unlike one by one, -A and -a of what is there already set it: a file that -S wrote can be
// restored onto anything. What pairadm can set gets the value of the line, or its default; the rest
// (names, pools, checks, ...) stays as it runs, or comes from the configuration file when a service
// or server of the file had been deleted. So save, clear, restore, save is identity.
#pragma once

#include <cstddef>

#include <google/protobuf/repeated_field.h>

#include "lbcore/model/edit.h"

namespace hapair::lbcore {

struct RestoreError {
  size_t command = 0;  // which one, from 0; one beyond the last: all together
  EditError error;
};

/// `file`: the configuration file as it was last taken.
tl::expected<Edited, RestoreError> restore(
    const Spec& running, const Spec& file,
    const google::protobuf::RepeatedPtrField<control::Request>& commands);

}  // namespace hapair::lbcore
