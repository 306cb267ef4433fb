// /api/v1/*.json: what pairadm shows, with the keys of its --json, and the quantiles of the
// histograms. Services and servers come piece by piece (page.h).
#pragma once

#include <memory>

#include "lbcore/observe/page.h"
#include "lbcore/observe/view.h"

namespace hapair::lbcore::observe {

std::unique_ptr<Body> status_json(const View& view);
std::unique_ptr<Body> services_json(View view);
std::unique_ptr<Body> sessions_json(View view);

}  // namespace hapair::lbcore::observe
