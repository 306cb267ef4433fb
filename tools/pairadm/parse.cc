#include "tools/pairadm/parse.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "common/control_socket.h"
#include "common/units.h"

namespace hapair::pairadm {

namespace {

constexpr OptSet kGlobal = {Opt::run_dir, Opt::wait};
constexpr Duration kMostWait = 24h;
constexpr OptSet kServiceKeys = {Opt::tcp_service, Opt::udp_service};

bool takes_argument(const Option& option) {
  return !option.argument.empty();
}
bool may_stand_bare(const Option& option) {
  return option.argument.starts_with('[');
}

/// A letter that two options share means the one that the command takes.
const Option* option_by_letter(char letter, const Command* command) {
  const auto all = options();
  if (command != nullptr) {
    for (const Option& own : all) {
      const bool taken = command->takes.has(own.id) || command->needs.has(own.id);
      if (own.letter != 0 && own.letter == letter && taken) return &own;
    }
  }
  const auto at = std::ranges::find_if(
      all, [&](const Option& o) { return o.letter != 0 && o.letter == letter; });
  return at == all.end() ? nullptr : &*at;
}

const Option* option_by_name(std::string_view name) {
  const auto all = options();
  const auto at = std::ranges::find(all, name, &Option::name);
  return at == all.end() ? nullptr : &*at;
}

const Command* command_by_letter(char letter) {
  const auto all = commands();
  const auto at = std::ranges::find_if(all, [&](const Command& c) {
    return c.letter != 0 && (c.letter == letter || c.second_letter == letter);
  });
  return at == all.end() ? nullptr : &*at;
}

/// "--list" and "--set" are commands; "status" is a word without dashes.
const Command* command_by_long(std::string_view dashed) {
  const auto all = commands();
  const auto at = std::ranges::find_if(all, [&](const Command& c) {
    return c.letter != 0 ? c.name == dashed.substr(2) : c.name == dashed;
  });
  return at == all.end() ? nullptr : &*at;
}

const Command* command_by_word(std::string_view word) {
  const auto all = commands();
  const auto at = std::ranges::find_if(
      all, [&](const Command& c) { return (c.letter == 0 || c.letter == 'h') && c.name == word; });
  return at == all.end() ? nullptr : &*at;
}

/// How an option was typed, for messages.
std::string short_spelling(const Option& option) {
  return option.letter != 0 ? fmt::format("-{}", option.letter) : fmt::format("--{}", option.name);
}

class Parser {
 public:
  explicit Parser(const std::vector<std::string>& args) : args_(args) {}

  Result<Invocation> run() {
    for (; next_ < args_.size(); ++next_)
      if (auto status = token(args_[next_]); !status) return tl::unexpected(status.error());
    if (out_.command == nullptr) {
      const bool only_globals = std::ranges::all_of(
          out_.values, [](const auto& entry) { return kGlobal.has(entry.first); });
      if (!only_globals) return fail("the command is missing; see pairadm -h");
      out_.command = command_by_letter('L');
    }
    if (auto status = check(); !status) return tl::unexpected(status.error());
    return std::move(out_);
  }

 private:
  Status token(const std::string& text) {
    if (text.starts_with("--") && text.size() > 2) return long_option(text);
    if (text.starts_with('-') && text.size() > 1) return letters(text);
    if (out_.command == nullptr) {
      const Command* command = command_by_word(text);
      if (command == nullptr) return fail("unknown command {}; see pairadm -h", text);
      return set_command(*command, text);
    }
    out_.operands.push_back(text);
    if (out_.operands.size() > out_.command->most_operands)
      return fail("unexpected argument {}", text);
    return {};
  }

  Status long_option(const std::string& text) {
    const size_t equals = text.find('=');
    const std::string dashed = text.substr(0, equals);
    if (const Command* command = command_by_long(dashed)) return set_command(*command, dashed);
    const Option* option = option_by_name(std::string_view(dashed).substr(2));
    if (option == nullptr) return fail("unknown option {}; see pairadm -h", dashed);
    std::optional<std::string> attached;
    if (equals != std::string::npos) attached = text.substr(equals + 1);
    if (attached && !takes_argument(*option)) return fail("{} takes no value", dashed);
    return set_option(*option, dashed, std::move(attached));
  }

  /// "-L", "-Ln", "-At", "-w5", "-w=5".
  Status letters(const std::string& text) {
    for (size_t at = 1; at < text.size(); ++at) {
      const std::string dashed = fmt::format("-{}", text[at]);
      if (const Command* command = command_by_letter(text[at])) {
        if (auto status = set_command(*command, dashed); !status) return status;
        continue;
      }
      const Option* option = option_by_letter(text[at], out_.command);
      if (option == nullptr) return fail("unknown option {}; see pairadm -h", dashed);
      std::optional<std::string> attached;
      if (takes_argument(*option) && at + 1 < text.size())
        attached = text.substr(text[at + 1] == '=' ? at + 2 : at + 1);
      const bool last = attached.has_value();
      if (auto status = set_option(*option, dashed, std::move(attached)); !status) return status;
      if (last) break;
    }
    return {};
  }

  Status set_command(const Command& command, const std::string& typed) {
    if (!command.refusal.empty()) return fail("{} {}", typed, command.refusal);
    // Asking for help is never wrong.
    if (out_.command != nullptr && out_.command->letter == 'h') return {};
    if (out_.command != nullptr && command.letter != 'h')
      return fail("two commands, {} and {}: give one", spelling(*out_.command), typed);
    out_.command = &command;
    return {};
  }

  Status set_option(const Option& option, const std::string& typed,
                    std::optional<std::string> value) {
    if (out_.command == nullptr && !kGlobal.has(option.id))
      return fail("{}: the command comes first, such as -A, -a or -L; see pairadm -h", typed);
    if (!option.refusal.empty()) return fail("{} {}", typed, option.refusal);
    if (takes_argument(option) && !value) {
      const bool more = next_ + 1 < args_.size();
      if (option.id == Opt::wait && waits_for_an_end()) {
        if (more && is_duration(args_[next_ + 1])) value = args_[++next_];
      } else if (may_stand_bare(option)) {
        // A value begins with a digit; anything else is the next option.
        if (more && !args_[next_ + 1].empty() && !args_[next_ + 1].starts_with('-'))
          value = args_[++next_];
      } else {
        if (!more) return fail("{} needs a value: {}", typed, spelling(option));
        value = args_[++next_];
      }
    }
    if (!out_.values.emplace(option.id, value.value_or("")).second)
      return fail("{} is given twice", typed);
    return {};
  }

  /// Of a handover everything that begins with a digit is meant as one; a server's address is not.
  [[nodiscard]] bool is_duration(const std::string& text) const {
    if (out_.command->name != "handover") return parse_duration(text).has_value();
    return !text.empty() && std::isdigit(static_cast<unsigned char>(text.front())) != 0;
  }

  /// --wait of these: not for the daemon's answer, but until it is done.
  [[nodiscard]] bool waits_for_an_end() const {
    constexpr std::array<std::string_view, 4> kWaiting{"handover", "drain", "disable", "enable"};
    return out_.command != nullptr &&
           std::ranges::find(kWaiting, out_.command->name) != kWaiting.end();
  }

  Status check() {
    out_.run_dir = out_.has(Opt::run_dir) ? out_.value(Opt::run_dir) : std::string(kDefaultRunDir);
    out_.wait = 2s;
    // A handover takes milliseconds; connections may take as long as they like.
    out_.wait_for_end = out_.command->name == "handover" ? Duration(10s) : Duration::max();
    if (out_.command->letter == 'h') return {};
    if (out_.has(Opt::wait) && !(waits_for_an_end() && out_.value(Opt::wait).empty())) {
      const auto wait = parse_duration(out_.value(Opt::wait));
      if (!wait) return fail("--wait: {}", wait.error().message);
      const Duration most = waits_for_an_end() ? kMostWait : Duration(1h);
      if (*wait <= Duration::zero() || *wait > most)
        return fail("--wait: between 1us and {}", format_duration(most));
      (waits_for_an_end() ? out_.wait_for_end : out_.wait) = *wait;
    }
    return check_fit();
  }

  /// Whether the options are those of the command.
  Status check_fit() {
    const Command& command = *out_.command;
    const bool takes_service = command.service != Command::Service::none;
    for (const auto& [id, value] : out_.values) {
      const bool fits = kGlobal.has(id) || command.needs.has(id) || command.takes.has(id) ||
                        (takes_service && (kServiceKeys.has(id) || id == Opt::ipv6));
      if (!fits)
        return fail("{} is not an option of {}", short_spelling(option(id)), spelling(command));
    }
    const bool tcp = out_.has(Opt::tcp_service);
    const bool udp = out_.has(Opt::udp_service);
    if (tcp && udp) return fail("one service, please: -t or -u");
    if (command.service == Command::Service::required && !tcp && !udp)
      return fail("{} needs the service: -t ADDRESS:PORT or -u ADDRESS:PORT", spelling(command));
    if (command.needs.has(Opt::real_server) && !out_.has(Opt::real_server))
      return fail("{} needs the server: -r ADDRESS[:PORT]", spelling(command));
    if (command.needs.has(Opt::from) && !(out_.has(Opt::from) && out_.has(Opt::to)))
      return fail("{} needs the client and what it connects to: --from ADDRESS --to ADDRESS:PORT",
                  spelling(command));
    const auto forms = {Opt::stats,           Opt::rate,       Opt::thresholds, Opt::latency,
                        Opt::persistent_conn, Opt::connection, Opt::timeout};
    if (std::ranges::count_if(forms, [&](Opt form) { return out_.has(form); }) > 1)
      return fail(
          "one of --stats, --rate, --thresholds, --latency, --persistent-conn, --timeout and -c, "
          "please");
    if (out_.has(Opt::timeout) && (tcp || udp))
      return fail("--timeout is about all services: without -t and -u, please");
    if (out_.has(Opt::sort) && out_.has(Opt::nosort)) return fail("--sort or --nosort, not both");
    return {};
  }

  const std::vector<std::string>& args_;
  size_t next_ = 0;
  Invocation out_;
};

}  // namespace

Result<Invocation> parse(const std::vector<std::string>& args) {
  return Parser(args).run();
}

}  // namespace hapair::pairadm
