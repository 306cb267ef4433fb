// Any words behind `pairadm`, one a line of the input: one line for the operator, or the request
// that they mean.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#include "tools/pairadm/parse.h"
#include "tools/pairadm/shell.h"

using namespace hapair;

namespace {

void must_be_one_line(const std::string& text) {
  if (text.empty() || text.find('\n') != std::string::npos) std::abort();
}

/// Nobody has a name.
pairadm::Names no_names() {
  return {.address = [](const std::string& host, bool) -> Result<IpAddress> {
            return fail("no address of that name: {}", host.size());
          },
          .port = [](const std::string& service) -> Result<uint16_t> {
            return fail("no service of that name: {}", service.size());
          },
          .host = [](const IpAddress& ip) { return ip.to_string(); },
          .service = [](uint16_t port, control::Protocol) { return std::to_string(port); }};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::istringstream lines(std::string(reinterpret_cast<const char*>(data), size));
  std::vector<std::string> words;
  for (std::string line; std::getline(lines, line);) words.push_back(line);
  const auto invocation = pairadm::parse(words);
  if (!invocation) {
    must_be_one_line(invocation.error().message);
    return 0;
  }
  if (invocation->command->request == nullptr) return 0;
  const auto request = invocation->command->request(*invocation, no_names());
  if (!request) must_be_one_line(request.error().message);
  return 0;
}
