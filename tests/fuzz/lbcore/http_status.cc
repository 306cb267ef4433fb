// Whatever a server under check may send: one verdict, the same however the bytes were cut, and a
// status that is one.
#include "lbcore/health/http_status.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

using hapair::lbcore::health::HttpStatusParser;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  HttpStatusParser whole;
  whole.feed(bytes);
  HttpStatusParser pieces;
  for (const char& byte : bytes) pieces.feed({&byte, 1});

  if (whole.state() != pieces.state() || whole.refusal() != pieces.refusal()) std::abort();
  switch (whole.state()) {
    case HttpStatusParser::State::reading:
      // Undecided is only what may still become a status line.
      if (size > HttpStatusParser::kMaxLineBytes) std::abort();
      break;
    case HttpStatusParser::State::done:
      if (whole.status() != pieces.status()) std::abort();
      if (whole.status() < 100 || whole.status() > 599) std::abort();
      if (!bytes.starts_with("HTTP/1.") || bytes.find("\r\n") == bytes.npos) std::abort();
      break;
    case HttpStatusParser::State::refused:
      if (whole.refusal().empty()) std::abort();
      break;
  }
  return 0;
}
