// pairadm: manages a node of the pair the way ipvsadm manages IPVS. The map: options.cc holds the
// tables of options and commands, parse.cc reads the command line, one file per verb does the work,
// listing.cc and status_*.cc print.
#include <exception>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "common/config/schema.h"
#include "common/pair_key.h"
#include "tools/pairadm/daemons.h"
#include "tools/pairadm/names.h"
#include "tools/pairadm/shell.h"
#include "tools/pairadm/verbs.h"

int main(int argc, char** argv) {
  using namespace hapair;
  try {
    pairadm::Shell shell{.out = std::cout,
                         .err = std::cerr,
                         .names = pairadm::system_names(),
                         .ask = pairadm::ask_daemon,
                         .stream = pairadm::stream_from_daemon,
                         .create_key = create_pair_key,
                         .rotate_key = rotate_pair_key,
                         .host = config::host_name(),
                         .user = pairadm::system_user(),
                         .now = [] { return Clock::now(); },
                         .pause = [](Duration time) { std::this_thread::sleep_for(time); },
                         .in = std::cin};
    const int code = pairadm::pairadm({argv + 1, argv + argc}, shell);
    std::cout.flush();
    if (!std::cout) {
      std::cerr << "pairadm: standard output: cannot write\n";
      return code == pairadm::kDone ? pairadm::kFailed : code;
    }
    return code;
  } catch (const std::exception& error) {
    std::cerr << "pairadm: " << error.what() << '\n';
    return pairadm::kFailed;
  }
}
