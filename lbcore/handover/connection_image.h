// One proxied connection as a value: both of its sockets, what the relay holds back between them,
// and what it knows of the connection. What crosses the pair link are its bytes; they are checked
// like anything from the network. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/address.h"
#include "common/clock.h"
#include "common/result.h"
#include "lbcore/handover/tcp_image.h"
#include "lbcore/observe/trace.h"

namespace hapair::lbcore::handover {

struct ConnectionImage {
  Endpoint listen = {};  // of its service, which is tcp
  std::string pool = {};
  Endpoint server = {};
  Endpoint client = {};  // who counts as the client: a PROXY header may have named another
  TcpImage client_side = {};
  TcpImage server_side = {};
  std::string up = {};    // read from the client, not yet written to the server
  std::string down = {};  // and the other way
  Duration age{0};
  Duration idle{0};
  observe::Trace::Course course = {};
  bool from_session = false;
  uint8_t asked = 1;  // servers, until one served

  friend bool operator==(const ConnectionImage&, const ConnectionImage&) = default;
};

std::string encode(const ConnectionImage& image);
/// The error says what is wrong with it.
Result<ConnectionImage> decode(std::string_view bytes);

}  // namespace hapair::lbcore::handover
