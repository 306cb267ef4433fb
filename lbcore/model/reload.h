// What a reload makes of the file and of what pairadm changed meanwhile (DESIGN invariant 11): a
// value that changed in the *file* since the last load wins, otherwise the running value stays. So
// do things that only pairadm made, and things that it deleted stay deleted until the file changes
// them. Pure.
#pragma once

#include "lbcore/model/spec.h"

namespace hapair::lbcore {

/// `loaded`: the file as it was last taken; `file`: the file now; `running`: what runs.
Spec merge_reload(const Spec& loaded, const Spec& file, const Spec& running);

/// Says of every service of `spec` whether it, or its pool, differs from the file's.
void mark_runtime(const Spec& file, Spec& spec);

}  // namespace hapair::lbcore
