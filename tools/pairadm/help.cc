// -h: the usage, made from the tables; needs no daemon.
#include <fmt/format.h>

#include "tools/pairadm/verbs.h"

namespace hapair::pairadm {

namespace {

std::string usage_of(const Command& command) {
  if (command.letter == 0) return std::string(command.name);
  std::string text = fmt::format("-{}", command.letter);
  if (command.second_letter != 0) text += fmt::format(" -{}", command.second_letter);
  return text + fmt::format(" --{}", command.name);
}

}  // namespace

int run_help(const Invocation&, Shell& shell) {
  shell.out
      << "pairadm " HAPAIR_VERSION
         ": manages a hapair node, its services and servers\n"
         "\n"
         "  pairadm -A|-E -t ADDRESS:PORT [-s SCHEDULER] [-p [SECONDS]] [-M NETMASK]\n"
         "  pairadm -D -t ADDRESS:PORT\n"
         "  pairadm -a|-e -t ADDRESS:PORT -r ADDRESS[:PORT] [-w WEIGHT] [-x MOST] [-y LEAST]\n"
         "             [--state STATE]\n"
         "  pairadm -d -t ADDRESS:PORT -r ADDRESS[:PORT]\n"
         "  pairadm -C | -S | -R | -Z [-t ADDRESS:PORT]\n"
         "  pairadm --set TCP TCPFIN UDP\n"
         "  pairadm -L [-t ADDRESS:PORT] [-n] [-c|--stats|--rate|--thresholds|--latency]\n"
         "             [--persistent-conn] [-X] [--nosort] [--json]\n"
         "  pairadm -L --timeout [--json]\n"
         "  pairadm drain|disable|enable [--wait [DURATION]] SERVICE SERVER\n"
         "  pairadm explain --from ADDRESS --to ADDRESS:PORT [--udp] [--json]\n"
         "  pairadm status [--json]\n"
         "  pairadm vrrp [ROUTER] [--json]\n"
         "  pairadm handover [--wait [DURATION]] [--force] [ROUTER]\n"
         "  pairadm demote [--force] [--reason TEXT] | pairadm restore\n"
         "  pairadm events [-f]\n"
         "  pairadm upgrade [--json]\n"
         "  pairadm keygen [--rotate add|promote|retire] [FILE]\n"
         "\n"
         "Commands:\n";
  for (const Command& command : commands())
    if (command.refusal.empty())
      shell.out << fmt::format("  {:<24} {}\n", usage_of(command), command.help);
  shell.out << "\nOptions:\n";
  for (const Option& option : options())
    if (!option.help.empty())
      shell.out << fmt::format("  {:<32} {}\n", spelling(option), option.help);
  shell.out << "\nExit codes: 0 done (status: no problems), 1 listing failed (status: problems;\n"
               "handover, demote: refused), 2 usage or not offered, 3 --wait: begun, not done in\n"
               "time, 255 the operation failed. More: pairadm(8).\n";
  return kDone;
}

}  // namespace hapair::pairadm
