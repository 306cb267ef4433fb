#include "vrrpd/pair_path/pair_path.h"

#include <algorithm>
#include <utility>

namespace hapair::vrrp {

namespace {

constexpr int kDatagramsPerWakeup = 64;
constexpr Duration kReopen = 1s;
constexpr Duration kLeastGreetingGap = 5ms;
constexpr Duration kRequestWithin = 2s;  // then the peer has not answered
constexpr Duration kRepeatRequest = 50ms;
constexpr Duration kRepeatAnswer = 1s;
constexpr std::string_view kAllRouters = "all";  // in a request: and every other router

}  // namespace

PairPath::PairPath(Surroundings around, const PairConfig& config, Life& life)
    : around_(std::move(around)),
      config_(config),
      path_(config.keys, config.pair.node, config.pair.peer, life),
      watcher_(around_.loop.raw()),
      turn_(around_.loop, [this] { on_turn(); }),
      silence_(around_.loop, [this] { on_silence(); }),
      request_ends_(around_.loop, [this] {
        finish_request(
            fail("{} did not answer within {} s", config_.pair.peer, kRequestWithin / 1s));
      }) {
  watcher_.set<PairPath, &PairPath::on_readable>(this);
  turn_.arm(around_.loop.now());
}

void PairPath::set_keys(const PairKeys& keys) {
  config_.keys = keys;
  path_.set_keys(keys);
  around_.on_epoch();
  speak(true);
}

void PairPath::open() {
  auto socket = PathSocket::open(config_.pair.own, config_.pair.other);
  if (!socket) return say_trouble(socket.error().message);
  socket_.emplace(std::move(*socket));
  watcher_.start(socket_->fd(), ev::READ);
}

// --- Out -----------------------------------------------------------------------------------------

void PairPath::on_turn() {
  if (!socket_) open();
  speak();
}

void PairPath::speak(bool ask) {
  if (!socket_) {
    turn_.arm(around_.loop.now() + kReopen);
    return;
  }
  const TimePoint now = around_.loop.now();
  OwnView own = around_.own();
  Duration next = own.pace;
  if (request_) next = std::min(next, kRepeatRequest);
  if (now < given_until_) {
    own.handover = given_;
  } else if (request_) {
    own.handover = request_->note;
  }
  turn_.arm(now + next);
  const Status sent = socket_->send(path_.compose(own, ask, now));
  if (!sent) return say_trouble(sent.error().message);
  ++counters_.sent;
  say_trouble({});
}

std::vector<uint8_t> PairPath::last_will() const {
  return path_.last_will(around_.own());
}

void PairPath::say_trouble(const std::string& trouble) {
  if (trouble == trouble_) return;
  trouble_ = trouble;
  if (trouble.empty()) {
    around_.log.info("pair path", "speaks again");
  } else {
    around_.log.environment("pair path", "{}", trouble);
  }
}

// --- In ------------------------------------------------------------------------------------------

void PairPath::on_readable(ev::io&, int) {
  hear_what_waits();
}

void PairPath::hear_what_waits() {
  // A word that is heard makes a router act, and who acts listens first.
  if (!socket_ || std::exchange(hearing_, true)) return;
  // Errors are news about datagrams that we sent; the next one tells it again.
  (void)socket_->receive(kDatagramsPerWakeup,
                         [this](auto datagram, const auto& from) { hear(datagram, from); });
  hearing_ = false;
}

void PairPath::hear(std::span<const uint8_t> datagram, const IpAddress& from) {
  if (from != config_.pair.other.ip) return refuse(from, PathRefusal::sender);
  const TimePoint now = around_.loop.now();
  const auto news = path_.receive(datagram, now);
  if (!news) return refuse(from, news.error());
  if (news->risen) {
    around_.log.info("pair path", "{} is heard at {}", peer().node, config_.pair.other.to_string());
  }
  if (news->new_epoch) around_.on_epoch();
  if (news->live) {
    ++counters_.received;
    disbelief_.clear();
    if (const auto until = path_.alive_until()) silence_.arm(*until);
    tell_routers(*news);
    if (news->handover.kind == HandoverNote::Kind::request) {
      answer(news->handover);
    } else if (news->handover.kind != HandoverNote::Kind::none) {
      on_answer(news->handover);
    }
    if (news->answer) speak();
  } else if (now - greeted_ >= kLeastGreetingGap) {
    greeted_ = now;
    speak();
  }
}

void PairPath::tell_routers(const Path::News& news) {
  for (const uint32_t router : news.resigned) around_.on_resigned(router, peer().node);
  const TimePoint now = around_.loop.now();
  // A router's reaction does not change what was heard.
  for (const RouterWord& word : peer().routers) {
    std::optional<TimePoint> answered;
    if (word.witness_age) answered = now - *word.witness_age;
    around_.on_word(word.id, {.node = peer().node,
                              .role = word.role,
                              .priority = word.priority,
                              .interval = word.interval,
                              .address = word.address,
                              .hears_us = word.hears_you,
                              .witness_answered = answered,
                              .proven = news.proven});
    if (word.asks) around_.on_asked(word.id);
  }
}

void PairPath::refuse(const IpAddress& from, PathRefusal reason) {
  ++counters_.refused[static_cast<size_t>(reason)];
  if (reason == PathRefusal::authentication && !peer().alive) {
    disbelief_ = fmt::format("{}: the key does not match", config_.pair.peer);
  }
  if (!refusal_lines_.allow(around_.loop.now())) return;
  const std::string_view hint = reason == PathRefusal::authentication
                                    ? "; have both nodes the same key and the same [pair]?"
                                    : "";
  around_.log.remote("pair path", "refused a datagram from {}: {}{} ({} more not logged)",
                     from.to_string(), name(reason), hint, refusal_lines_.take_suppressed());
}

void PairPath::on_silence() {
  hear_what_waits();
  if (!path_.check(around_.loop.now())) {
    if (const auto until = path_.alive_until()) silence_.arm(*until);
    return;
  }
  around_.log.info("pair path", "{} is silent", peer().node);
  around_.on_silent();
}

// --- Handover ------------------------------------------------------------------------------------

void PairPath::request_handover(const std::string& router, bool all,
                                std::function<void(Status)> answer) {
  if (request_) return answer(fail("another handover is being asked for"));
  if (!peer().alive) return answer(fail("{} is not heard on the pair path", peer().node));
  request_ = Request{.note = {.kind = HandoverNote::Kind::request,
                              .router = router_id(router),
                              .number = ++requests_,
                              .text = all ? std::string(kAllRouters) : std::string()},
                     .answer = std::move(answer)};
  request_ends_.arm(around_.loop.now() + kRequestWithin);
  speak(true);
}

void PairPath::answer(const HandoverNote& request) {
  const TimePoint now = around_.loop.now();
  const bool known =
      now < given_until_ && given_.number == request.number && given_.router == request.router;
  if (!known) {
    given_ = {.kind = HandoverNote::Kind::accept,
              .router = request.router,
              .number = request.number,
              .text = {}};
    given_until_ = now + kRepeatAnswer;
    if (const Status done = around_.on_handover(request.router, request.text == kAllRouters);
        !done) {
      given_.kind = HandoverNote::Kind::refuse;
      given_.text = done.error().message;
    }
  }
  speak();
}

void PairPath::on_answer(const HandoverNote& answer) {
  if (!request_ || request_->note.number != answer.number ||
      request_->note.router != answer.router) {
    return;
  }
  if (answer.kind == HandoverNote::Kind::accept) return finish_request({});
  finish_request(fail("{} refuses: {}", peer().node, answer.text));
}

void PairPath::finish_request(const Status& status) {
  if (!request_) return;
  request_ends_.disarm();
  const auto answer = std::exchange(request_, std::nullopt)->answer;
  answer(status);
}

}  // namespace hapair::vrrp
