// keygen: the shared secret of the pair, made once and copied to the other node; and its rotation,
// in three steps that each are copied and reloaded before the next.
#include <algorithm>
#include <array>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "tools/pairadm/verbs.h"

namespace hapair::pairadm {

namespace {
constexpr std::string_view kDefaultKeyFile = "/etc/hapair/pair.key";

struct Step {
  std::string_view name;
  Rotation rotation;
  std::string_view done;
  std::string_view next;
};
constexpr std::array kSteps{
    Step{"add", Rotation::add, "a second key is accepted", "then: pairadm keygen --rotate promote"},
    Step{"promote", Rotation::promote, "the second key is the first now",
         "then: pairadm keygen --rotate retire"},
    Step{"retire", Rotation::retire, "the old key is gone", {}},
};

int rotate(const std::string& path, std::string_view name, Shell& shell) {
  const auto* const step = std::ranges::find(kSteps, name, &Step::name);
  if (step == kSteps.end()) {
    shell.err << fmt::format("pairadm: --rotate {}: no such step; valid: add, promote, retire\n",
                             name);
    return kUsage;
  }
  if (const auto status = shell.rotate_key(path, step->rotation); !status) {
    shell.err << fmt::format("pairadm: {}\n", status.error().message);
    return kFailed;
  }
  shell.out << fmt::format(
      "{0}: {1}\n"
      "copy it to the other node and reload lbcore and vrrpd on both:\n"
      "  scp -p {0} root@OTHER-NODE:{0}\n"
      "  systemctl reload lbcore vrrpd\n",
      path, step->done);
  if (!step->next.empty()) shell.out << step->next << '\n';
  return kDone;
}

}  // namespace

int run_keygen(const Invocation& in, Shell& shell) {
  // Absolute: the hint below is typed wherever the operator stands then.
  const std::string path = in.operands.empty()
                               ? std::string(kDefaultKeyFile)
                               : std::filesystem::absolute(in.operands.front()).string();
  if (in.has(Opt::rotate)) return rotate(path, in.value(Opt::rotate), shell);
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
