// traffic: the clients of the lab as a program. Commands on standard input, one per line; every
// reply ends with ".":
//
//   mark        count from here on
//   report      what the clients have experienced since the mark, as `name=value` lines
//   all MS      wait until every session was answered since the mark, at most MS: "silent=N" is how
//   many were not
//   served MS   wait until a probe is answered, at most MS: "served=yes" or "served=no"
//   add N       N more sessions
//   lasting N R a download of N bytes, R per second, and a dialogue, each over one connection
//   ended MS    wait until that download has ended, at most MS: "ended=yes" or "ended=no"
//   quit        (so does the end of input)
#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <unistd.h>

#include "common/event_loop.h"
#include "tools/lab/clients.h"
#include "tools/lab/options.h"

namespace hapair::lab {
namespace {

double in_ms(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

std::string to_text(const ClientLog::Report& report) {
  std::string out = fmt::format(
      "since_mark_ms={:.0f}\noutage_ms={:.1f}\nwindows={}\nrequests={}\nfailed={}\ndelayed={}\n",
      in_ms(report.since_mark), in_ms(report.outage), report.windows, report.requests,
      report.failed, report.delayed);
  for (size_t kind = 1; kind < report.outcomes.size(); ++kind) {
    out += fmt::format("failed_{}={}\n", HttpRequest::name(static_cast<HttpRequest::Outcome>(kind)),
                       report.outcomes.at(kind));
  }
  out += fmt::format(
      "sessions={}\nkept={}\nchanged={}\nfresh={}\nsilent={}\nvia={}\nservers=", report.sessions,
      report.kept, report.changed, report.fresh, report.silent, report.via);
  std::string_view separator;
  for (const auto& [server, sessions] : report.servers) {
    out += fmt::format("{}{}:{}", separator, server, sessions);
    separator = ",";
  }
  return out + "\n";
}

std::string to_text(std::string_view who, const LongConnection* connection, TimePoint now) {
  if (connection == nullptr) return {};
  return fmt::format("{0}={1}\n{0}_bytes={2}\n{0}_answers={3}\n{0}_wait_ms={4:.1f}\n", who,
                     LongConnection::name(connection->state()), connection->bytes(),
                     connection->answers(), in_ms(connection->longest_wait(now)));
}

/// Reads commands and answers them; one that waits holds back those behind it.
class Conversation {
 public:
  Conversation(EventLoop& loop, Clients& clients)
      : loop_(loop),
        clients_(clients),
        ticker_(loop, 5ms, [this] { go_on(); }),
        input_(loop.raw()) {
    input_.set<Conversation, &Conversation::on_input>(this);
    input_.start(STDIN_FILENO, ev::READ);
  }

 private:
  struct Wait {
    TimePoint deadline;
    std::function<bool()> done;
    std::function<std::string()> reply;
  };

  void on_input(ev::io&, int) {
    std::array<char, 1024> buffer{};
    const ssize_t got = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (got <= 0) return loop_.stop();
    in_.append(buffer.data(), static_cast<size_t>(got));
    go_on();
  }

  void go_on() {
    for (;;) {
      if (wait_) {
        if (!wait_->done() && Clock::now() < wait_->deadline) return;
        reply(wait_->reply());
        wait_.reset();
      }
      const size_t end = in_.find('\n');
      if (end == std::string::npos) return;
      const std::string line = in_.substr(0, end);
      in_.erase(0, end + 1);
      obey(line);
    }
  }

  void obey(const std::string& line) {
    const std::string verb = line.substr(0, line.find(' '));
    const std::string rest = verb.size() < line.size() ? line.substr(verb.size() + 1) : "";
    const size_t space = rest.find(' ');
    const int64_t number = parse_integer(rest.substr(0, space)).value_or(0);
    const int64_t second =
        space == std::string::npos ? 0 : parse_integer(rest.substr(space + 1)).value_or(0);
    const TimePoint now = Clock::now();
    if (verb == "mark") {
      clients_.mark(now);
      reply("");
    } else if (verb == "report") {
      reply(to_text(clients_.log().report(now)) + to_text("download", clients_.download(), now) +
            to_text("dialogue", clients_.dialogue(), now));
    } else if (verb == "all") {
      wait_ = {.deadline = now + std::chrono::milliseconds(number),
               .done = [this] { return clients_.log().silent() == 0; },
               .reply = [this] { return fmt::format("silent={}\n", clients_.log().silent()); }};
    } else if (verb == "served") {
      const auto served = [this, now] { return clients_.log().last_answer() >= now; };
      wait_ = {.deadline = now + std::chrono::milliseconds(number),
               .done = served,
               .reply = [served] { return fmt::format("served={}\n", served() ? "yes" : "no"); }};
    } else if (verb == "add") {
      clients_.add_sessions(static_cast<size_t>(std::max<int64_t>(number, 0)));
      reply("");
    } else if (verb == "lasting") {
      clients_.begin_lasting(static_cast<uint64_t>(std::max<int64_t>(number, 1)),
                             static_cast<uint64_t>(std::max<int64_t>(second, 0)));
      reply("");
    } else if (verb == "ended") {
      const auto ended = [this] {
        return clients_.download() == nullptr ||
               clients_.download()->state() != LongConnection::State::running;
      };
      wait_ = {.deadline = now + std::chrono::milliseconds(number),
               .done = ended,
               .reply = [ended] { return fmt::format("ended={}\n", ended() ? "yes" : "no"); }};
    } else if (verb == "quit") {
      loop_.stop();
    } else {
      reply(
          fmt::format("error='{}': valid are mark, report, all MS, served MS, add N, lasting N R, "
                      "ended MS, quit\n",
                      line));
    }
  }

  static void reply(const std::string& text) {
    fmt::print("{}.\n", text);
    std::fflush(stdout);
  }

  EventLoop& loop_;
  Clients& clients_;
  std::string in_;
  std::optional<Wait> wait_;
  Ticker ticker_;
  ev::io input_;
};

int run(int argc, char** argv) {
  const Options options(argc, argv, {"target", "sessions", "every", "probe-every"});
  const auto target = Endpoint::parse(options.text("target", "10.0.0.100:80"));
  if (!target) throw std::invalid_argument("--target: " + target.error().message);
  EventLoop loop;
  const SignalWatcher term(loop, SIGTERM, [&] { loop.stop(); });
  Clients clients(loop, {.target = *target,
                         .sessions = static_cast<size_t>(options.number("sessions", 1000)),
                         .session_every = options.duration("every", 2s),
                         .probe_every = options.duration("probe-every", 2ms)});
  const Conversation conversation(loop, clients);
  loop.run();
  return 0;
}

}  // namespace
}  // namespace hapair::lab

int main(int argc, char** argv) {
  try {
    return hapair::lab::run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "traffic: {}\n", error.what());
    return 1;
  }
}
