// Whatever comes to the status listener: one verdict, the same however the bytes were cut.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "lbcore/observe/http_request.h"

using hapair::lbcore::observe::HttpRequestParser;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  HttpRequestParser whole;
  whole.feed(bytes);
  HttpRequestParser pieces;
  for (const char& byte : bytes) pieces.feed({&byte, 1});

  if (whole.state() != pieces.state() || whole.refusal() != pieces.refusal()) std::abort();
  switch (whole.state()) {
    case HttpRequestParser::State::reading:
      if (size >= HttpRequestParser::kMostBytes) std::abort();
      break;
    case HttpRequestParser::State::done:
      if (whole.path() != pieces.path() || !whole.path().starts_with('/')) std::abort();
      if (!bytes.starts_with(whole.head() ? "HEAD /" : "GET /")) std::abort();
      break;
    case HttpRequestParser::State::refused:
      if (whole.refusal() < 400 || whole.refusal() > 505) std::abort();
      break;
  }
  return 0;
}
