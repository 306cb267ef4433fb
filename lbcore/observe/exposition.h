// Prometheus' text format 0.0.4, line by line: names, escaped labels, numbers. Pure.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "lbcore/observe/histogram.h"

namespace hapair::lbcore::observe {

/// `pool="web",server="a"`: escaped, without braces.
std::string labels(std::initializer_list<std::pair<std::string_view, std::string_view>> pairs);

void append_head(std::string& out, std::string_view name, std::string_view type,
                 std::string_view help);
void append_sample(std::string& out, std::string_view name, std::string_view labels,
                   uint64_t value);
void append_sample(std::string& out, std::string_view name, std::string_view labels, double value);
/// Buckets up to each bound, +Inf, _sum and _count, all in seconds.
void append_histogram(std::string& out, std::string_view name, std::string_view labels,
                      const Distribution& values, std::span<const uint64_t> bounds_us);

}  // namespace hapair::lbcore::observe
