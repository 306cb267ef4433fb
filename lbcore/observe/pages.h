// Which path of the status listener shows what: /metrics, /api/v1/*.json, /live, /ready.
#pragma once

#include <string_view>

#include "lbcore/observe/page.h"
#include "lbcore/observe/view.h"

namespace hapair::lbcore::observe {

Page page(const Source& source, std::string_view path);

}  // namespace hapair::lbcore::observe
