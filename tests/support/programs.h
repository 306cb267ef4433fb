// Where the programs under test are: this build's own, or what HAPAIR_VRRPD, HAPAIR_LBCORE,
// HAPAIR_PAIRADM, HAPAIR_ORIGIN, HAPAIR_TRAFFIC, HAPAIR_CONFINED name. Each throws
// std::runtime_error when the program is not built.
#pragma once

#include <string>

namespace hapair::test::programs {

std::string vrrpd();
std::string lbcore();
std::string pairadm();
std::string origin();
std::string traffic();
std::string confined();  // tests/support/confined_main.cc

}  // namespace hapair::test::programs
