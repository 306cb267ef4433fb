// Figures as people read them: "12,345", "40 ms", "3m 12s", "4h 05m", "3d 04:12".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hapair::pairadm {

std::string with_commas(uint64_t number);
std::string age(uint64_t milliseconds);
/// "1 server", "3 servers".
std::string count(uint64_t number, std::string_view thing);

}  // namespace hapair::pairadm
