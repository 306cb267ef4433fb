// -R: reads commands from standard input, one a line, and has lbcore apply all of them at once or
// none. Blank lines and lines that begin with # are skipped.
#include <istream>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "tools/pairadm/parse.h"
#include "tools/pairadm/verbs.h"

namespace hapair::pairadm {

namespace {

constexpr size_t kMostBytes = size_t{1} << 20;  // what a daemon takes in one request

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

/// One line as the request that it would be on a command line of its own.
Result<control::Request> understood(const std::vector<std::string>& words, const Names& names) {
  const auto invocation = parse(words);
  if (!invocation) return tl::unexpected(invocation.error());
  if (invocation->command->run != run_edit || invocation->has(Opt::run_dir) ||
      invocation->has(Opt::wait))
    return fail("only -A, -E, -D, -a, -e, -d, -C and --set with their own options may stand here");
  return invocation->command->request(*invocation, names);
}

}  // namespace

int run_restore_table(const Invocation& in, Shell& shell) {
  control::Request request;
  control::RestoreTable& table = *request.mutable_restore_table();
  std::vector<size_t> line_of;  // of each command
  size_t number = 0;
  bool good = true;
  for (std::string line; std::getline(shell.in, line);) {
    ++number;
    const auto words = words_of(line);
    if (words.empty() || words.front().starts_with('#')) continue;
    const auto command = understood(words, shell.names);
    if (!command) {
      shell.err << fmt::format("pairadm: line {}: {}\n", number, command.error().message);
      good = false;
      continue;
    }
    *table.add_commands() = *command;
    line_of.push_back(number);
  }
  if (shell.in.bad()) {
    shell.err << "pairadm: standard input cannot be read\n";
    return kFailed;
  }
  if (!good) {
    shell.err << "pairadm: nothing was changed\n";
    return kUsage;
  }
  if (request.ByteSizeLong() > kMostBytes) {
    shell.err << fmt::format(
        "pairadm: {} commands are more than fit into one restore ({} bytes): nothing was changed\n",
        line_of.size(), kMostBytes);
    return kUsage;
  }
  const auto reply =
      shell.ask({.daemon = "lbcore", .run_dir = in.run_dir, .wait = in.wait}, request);
  if (!reply) {
    shell.err << fmt::format("pairadm: {}\n", reply.error().message);
    return kFailed;
  }
  if (reply->code() != control::OK) {
    const uint32_t failed = reply->failed_command();
    const std::string where = failed > 0 && failed <= line_of.size()
                                  ? fmt::format("line {}: ", line_of[failed - 1])
                                  : std::string();
    shell.err << fmt::format("pairadm: {}{}\npairadm: nothing was changed\n", where,
                             reply->message());
    const bool usage = reply->code() == control::INVALID || reply->code() == control::UNSUPPORTED;
    return usage ? kUsage : kFailed;
  }
  return kDone;
}

}  // namespace hapair::pairadm
