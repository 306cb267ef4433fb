// Small Specs to start from.
#pragma once

#include <string>

#include "lbcore/model/spec.h"

namespace hapair::lbcore::test {

inline Endpoint at(const std::string& text) {
  return Endpoint::parse(text).value();
}

inline ServerSpec server(const std::string& name, const std::string& address, uint32_t weight = 1) {
  return {.name = name, .address = at(address), .weight = weight};
}

/// service web on 10.0.0.100:80, pool web with servers a and b.
inline Spec web() {
  Spec spec;
  spec.pools.push_back(
      {.name = "web", .servers = {server("a", "10.0.1.1:80"), server("b", "10.0.1.2:80")}});
  spec.services.push_back({.name = "web", .listen = at("10.0.0.100:80"), .pool = "web"});
  return spec;
}

}  // namespace hapair::lbcore::test
