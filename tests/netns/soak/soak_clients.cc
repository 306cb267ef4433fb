#include "tests/netns/soak/soak_clients.h"

#include <algorithm>
#include <memory>
#include <utility>

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include "tests/netns/lbcore/udp.h"
#include "tests/support/wait.h"

namespace hapair::test {

namespace {

size_t up_to(std::minstd_rand& random, size_t most) {
  return std::uniform_int_distribution<size_t>(0, most)(random);
}

/// Closes with a reset: the other side hears of it as of a crashed client.
void reset(UniqueFd& fd) {
  const linger now{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  fd.reset();
}

}  // namespace

SoakClients::SoakClients(const Namespace& from, const Endpoint& web, const Endpoint& echo)
    : from_(from), web_(web), echo_(echo) {
  for (const char* name : {"short", "short too"}) {
    start(name, [this](Kind& kind, Random&) { ask_once(kind); });
  }
  start("patient", [this](Kind& kind, Random& random) { ask_on_one_connection(kind, random); });
  start("download", [this](Kind& kind, Random& random) { download(kind, random); });
  start("download too", [this](Kind& kind, Random& random) { download(kind, random); });
  start("upload", [this](Kind& kind, Random& random) { upload(kind, random); });
  start("leaving", [this](Kind& kind, Random& random) { leave_in_the_middle(kind, random); });
  start("silent", [this](Kind& kind, Random& random) { say_nothing(kind, random); });
  start("datagrams", [this](Kind& kind, Random& random) { send_datagrams(kind, random); });
}

void SoakClients::start(const char* name, std::function<void(Kind&, Random&)> turn) {
  auto& kind = *kinds_.emplace_back(std::make_unique<Kind>());
  kind.name = name;
  kind.thread = std::thread([this, &kind, seed = kinds_.size(), turn = std::move(turn)] {
    Random random(static_cast<Random::result_type>(seed));
    while (!stop_) turn(kind, random);
  });
}

bool SoakClients::wait_answers(int more, Duration within) {
  std::vector<int> wanted;
  for (const auto& kind : kinds_) wanted.push_back(kind->answered + more);
  return bool{eventually(within, [&] {
    return std::ranges::equal(
        kinds_, wanted, [](const auto& kind, int enough) { return kind->answered >= enough; });
  })};
}

void SoakClients::stop() {
  stop_ = true;
  for (const auto& kind : kinds_) {
    if (kind->thread.joinable()) kind->thread.join();
  }
}

std::string SoakClients::summary() const {
  std::string text;
  for (const auto& kind : kinds_) {
    text += fmt::format("{}{} {} ({} failed)", text.empty() ? "" : ", ", kind->name,
                        kind->answered.load(), kind->failed.load());
  }
  return text;
}

std::string SoakClients::damage() const {
  const std::lock_guard lock(mutex_);
  return damage_;
}

void SoakClients::damage(const std::string& what) {
  const std::lock_guard lock(mutex_);
  if (damaged_++ == 0) damage_ = what;
}

bool SoakClients::took(Kind& kind, const Answer& answer, bool with_checksum) {
  ++(answer.ok() ? kind.answered : kind.failed);
  if (answer.ok() && with_checksum && !answer.intact()) {
    damage(fmt::format("{}: checksum {} said, {:016x} found", kind.name, answer.checksum,
                       answer.digest));
  }
  return answer.ok();
}

void SoakClients::ask_once(Kind& kind) {
  const Answer answer = get_from(from_, web_, "/");
  if (took(kind, answer) && !answer.body.starts_with(answer.server + " for ")) {
    damage(fmt::format("{}: '{}' from {}", kind.name, answer.body, answer.server));
  }
}

void SoakClients::ask_on_one_connection(Kind& kind, Random& random) {
  const UniqueFd fd = connect_from(from_, web_);
  for (size_t left = up_to(random, 200); left > 0 && !stop_; --left) {
    if (!took(kind, test::get(fd.get(), "/"))) return;
  }
}

void SoakClients::download(Kind& kind, Random& random) {
  const UniqueFd fd = connect_from(from_, web_);
  const size_t pause_every = up_to(random, 1) * (size_t{64} << 10);  // a slow reader, or not
  const auto path = fmt::format("/big?bytes={}", up_to(random, size_t{4} << 20));
  took(kind, test::get(fd.get(), path, pause_every), true);
}

void SoakClients::upload(Kind& kind, Random& random) {
  const UniqueFd fd = connect_from(from_, web_);
  std::string body(1 + up_to(random, size_t{2} << 20), ' ');
  for (char& each : body) each = static_cast<char>(random());
  took(kind, post(fd.get(), body), true);
}

void SoakClients::leave_in_the_middle(Kind& kind, Random& random) {
  UniqueFd fd = connect_from(from_, web_);
  const std::string request = "GET /big?bytes=8000000 HTTP/1.1\r\nHost: test\r\n\r\n";
  std::string some(1 + up_to(random, 100'000), ' ');
  const bool heard = ::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) > 0 &&
                     ::recv(fd.get(), some.data(), some.size(), 0) > 0;
  ++(heard ? kind.answered : kind.failed);
  if (up_to(random, 1) == 0) reset(fd);
}

void SoakClients::say_nothing(Kind& kind, Random& random) {
  const UniqueFd fd = connect_from(from_, web_);
  ++(fd.valid() ? kind.answered : kind.failed);
  pollfd one{.fd = fd.get(), .events = POLLIN, .revents = 0};
  ::poll(&one, 1, static_cast<int>(up_to(random, 100)));
}

void SoakClients::send_datagrams(Kind& kind, Random& random) {
  DatagramClient client(from_, echo_);
  const auto text = fmt::format("{} {}", random(), std::string(up_to(random, 1200), 'x'));
  for (size_t left = 1 + up_to(random, 20); left > 0 && !stop_; --left) {
    if (!client.say(text)) break;
    const std::string heard = client.hear(200ms);
    // "s1 TEXT", or the text of an error.
    const bool answered = heard.size() > 3 && heard[0] == 's' && heard[2] == ' ';
    ++(answered ? kind.answered : kind.failed);
    if (answered && heard.substr(3) != text) {
      damage(fmt::format("{}: '{}' instead of '{}'", kind.name, heard.substr(3), text));
    }
  }
}

}  // namespace hapair::test
