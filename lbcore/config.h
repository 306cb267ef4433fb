// lbcore's part of hapair.conf: the key tables of [lbcore], [service], [pool], [server], and what they become.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "common/clock.h"
#include "common/config/pair_section.h"
#include "common/config/schema.h"
#include "common/result.h"
#include "lbcore/model/spec.h"

namespace hapair::lbcore {

/// [lbcore] and [pair]: what is fixed while the process runs.
struct Settings {
  std::string node;
  std::string run_dir;
  uint32_t workers = 1;
  Duration serving_lease = 500ms;  // vrrpd gives up on us after this silence
  Duration drain_timeout = 10s;    // at exit, for open connections
  uint32_t max_sessions = 1U << 20;  // per pool
  uint64_t config_hash = 0;
  std::optional<config::Pair> pair;
};

struct Loaded {
  Settings settings;
  Spec spec;
};

std::span<const config::Kind> config_kinds();

/// Reads, checks and resolves the whole file; the error has one line per mistake.
Result<Loaded> load_config(const std::string& path, const std::string& node);

}  // namespace hapair::lbcore
