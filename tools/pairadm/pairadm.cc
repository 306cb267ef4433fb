// The program without its main: parse, find the verb, run it.
#include <fmt/format.h>

#include "tools/pairadm/parse.h"
#include "tools/pairadm/shell.h"
#include "tools/pairadm/verbs.h"

namespace hapair::pairadm {

int pairadm(const std::vector<std::string>& args, Shell& shell) {
  const auto invocation = parse(args);
  if (!invocation) {
    shell.err << fmt::format("pairadm: {}\n", invocation.error().message);
    return kUsage;
  }
  return invocation->command->run(*invocation, shell);
}

}  // namespace hapair::pairadm
