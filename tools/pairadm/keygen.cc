// keygen: the shared secret of the pair, made once and copied to the other node.
#include <filesystem>
#include <string>
#include <system_error>

#include <fmt/format.h>

#include "tools/pairadm/verbs.h"

namespace hapair::pairadm {

namespace {
constexpr std::string_view kDefaultKeyFile = "/etc/hapair/pair.key";
}

int run_keygen(const Invocation& in, Shell& shell) {
  // Absolute: the hint below is typed wherever the operator stands then.
  const std::string path = in.operands.empty()
                               ? std::string(kDefaultKeyFile)
                               : std::filesystem::absolute(in.operands.front()).string();
  if (const auto made = shell.create_key(path); !made) {
    std::error_code ignored;
    const bool there = std::filesystem::exists(path, ignored);
    shell.err << fmt::format("pairadm: {}{}\n", made.error().message,
                             there ? " (never overwritten: move it away for a new one)" : "");
    return kFailed;
  }
  shell.out << fmt::format(
      "{0}: new pair key, readable by its owner only\n"
      "copy it to the other node and restart lbcore and vrrpd on both:\n"
      "  scp -p {0} root@OTHER-NODE:{0}\n",
      path);
  return kDone;
}

}  // namespace hapair::pairadm
