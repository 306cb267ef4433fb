// /metrics: the node, its services, pools and servers in Prometheus' text format, family by family,
// made piece by piece (page.h). A server's histograms appear with its first connection.
#pragma once

#include <memory>

#include "lbcore/observe/page.h"
#include "lbcore/observe/process_figures.h"
#include "lbcore/observe/view.h"

namespace hapair::lbcore::observe {

std::unique_ptr<Body> metrics(View view, const ProcessFigures& process);

}  // namespace hapair::lbcore::observe
