#include "lbcore/health/probe_result.h"

#include <fmt/format.h>

namespace hapair::lbcore::health {

std::string_view name(ProbeCode code) {
  switch (code) {
    case ProbeCode::l4ok:
      return "L4OK";
    case ProbeCode::l4con:
      return "L4CON";
    case ProbeCode::l4tout:
      return "L4TOUT";
    case ProbeCode::l6ok:
      return "L6OK";
    case ProbeCode::l6rsp:
      return "L6RSP";
    case ProbeCode::l6tout:
      return "L6TOUT";
    case ProbeCode::l7ok:
      return "L7OK";
    case ProbeCode::l7sts:
      return "L7STS";
    case ProbeCode::l7rsp:
      return "L7RSP";
    case ProbeCode::l7tout:
      return "L7TOUT";
    case ProbeCode::procok:
      return "PROCOK";
    case ProbeCode::procerr:
      return "PROCERR";
    case ProbeCode::proctout:
      return "PROCTOUT";
    case ProbeCode::sockerr:
      return "SOCKERR";
  }
  return "";
}

bool ProbeResult::passed() const {
  return code == ProbeCode::l4ok || code == ProbeCode::l6ok || code == ProbeCode::l7ok ||
         code == ProbeCode::procok;
}

std::string ProbeResult::text() const {
  std::string out(name(code));
  if (!detail.empty()) out += " " + detail;
  // How long it took is of interest where the server answered.
  if (passed() || code == ProbeCode::l7sts) {
    const double milliseconds = std::chrono::duration<double, std::milli>(latency).count();
    out += fmt::format(" in {:.{}f}ms", milliseconds, milliseconds < 99.95 ? 1 : 0);
  }
  return out;
}

}  // namespace hapair::lbcore::health
