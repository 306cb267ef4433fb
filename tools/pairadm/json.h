// JSON as pairadm prints it: common/control_json.h has the writer and what lbcore shows as well.
#pragma once

#include "common/control_json.h"
