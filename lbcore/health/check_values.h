// The values of a check's options, each read from its word of the configuration. Pure. An error
// says what is wrong with the word and what would be valid.
#pragma once

#include <string>

#include "common/clock.h"
#include "common/result.h"
#include "lbcore/health/check_spec.h"

namespace hapair::lbcore::health {

inline constexpr size_t kMostTextBytes = 1024;

Status read_duration(Duration& out, const std::string& word, Duration least);
Status read_count(uint32_t& out, const std::string& word);
Status read_host(std::string& out, const std::string& word);
Status read_text(std::string& out, const std::string& word);
/// An absolute path.
Status read_file(std::string& out, const std::string& word);

Status read_status_set(CheckSpec& spec, const std::string& word);
Status read_path(CheckSpec& spec, const std::string& word);
Status read_header(CheckSpec& spec, const std::string& word);
Status read_verify(CheckSpec& spec, const std::string& word);
Status read_proxy(CheckSpec& spec, const std::string& word);
Status read_port(CheckSpec& spec, const std::string& word);
Status read_source(CheckSpec& spec, const std::string& word);

}  // namespace hapair::lbcore::health
