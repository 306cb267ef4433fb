// lbcore's part of hapair.conf: the key tables of [lbcore], [service], [pool], [server], and what
// they become. Called by main at start, on -t and on SIGHUP.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/clock.h"
#include "common/config/pair_section.h"
#include "common/config/schema.h"
#include "common/result.h"
#include "lbcore/config_observe.h"
#include "lbcore/model/spec.h"

namespace hapair::lbcore {

/// [lbcore] and [pair]: what is fixed while the process runs, except where said.
struct Settings {
  std::string node;
  std::string run_dir;
  uint32_t workers = 1;
  Duration serving_lease = 500ms;    // vrrpd gives up on us after this silence
  Duration drain_timeout = 10s;      // at exit, for open connections; a reload may change it
  Duration upgrade_timeout = 10min;  // after an upgrade, likewise; a reload may change it
  uint32_t max_sessions = 1U << 20;  // per pool
  std::string restore;               // a file with a table of pairadm -S; empty: none
  uint64_t config_hash = 0;
  std::optional<config::Pair> pair;
  bool elects = false;      // the file has a [vrrp] section; a reload may change it
  ObserveSettings observe;  // a reload may change it
};

struct Loaded {
  Settings settings;
  Spec spec;
  std::vector<std::string> warnings;  // `file:line: ...`: legal, but probably not meant
};

std::span<const config::Kind> config_kinds();

/// Reads, checks and resolves the whole file; the error has one line per mistake.
Result<Loaded> load_config(const std::string& path, const std::string& node);
/// The same for a file that is not there yet: `path` is what errors name.
Result<Loaded> load_config_text(std::string_view text, const std::string& path,
                                const std::string& node);

/// The keys whose change in the file waits for a restart: "[lbcore] workers", ...
std::vector<std::string> needs_restart(const Settings& running, const Settings& loaded);

/// What `workers = auto` means here: one per processor that this process may use.
uint32_t available_processors();

}  // namespace hapair::lbcore
