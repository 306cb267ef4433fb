#include "tests/netns/handover/traffic.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <sys/socket.h>

#include "tests/netns/handover/move_lab.h"

namespace hapair::test {

namespace {

constexpr size_t kName = 4;       // bytes that say which stream it is
constexpr size_t kWord = 8192;    // said at a time
constexpr uint64_t kLast = 1000;  // bytes of the last word

/// The byte at `place` of a stream.
char byte_at(uint32_t stream, uint64_t place) {
  uint64_t state = (place / 8 + 1) * 0x9e3779b97f4a7c15ULL + stream * 0xbf58476d1ce4e5b9ULL;
  state ^= state >> 29U;
  state *= 0x94d049bb133111ebULL;
  return static_cast<char>(state >> (place % 8 * 8));
}

}  // namespace

Traffic::Traffic(const Namespace& clients, const Namespace& servers, const Endpoint& server)
    : listener_(listen_at(servers, server)), clients_(clients) {
  set_blocking(listener_.get(), false);
}

Traffic::~Traffic() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
}

void Traffic::connect(const Endpoint& service, Habit habit) {
  auto end = std::make_unique<End>();
  end->fd = connect_from(clients_, service);
  end->stream = static_cast<uint32_t>(habits_.size()) * 2;
  end->known = end->is_client = true;
  end->habit = habit;
  if (habit == Habit::deaf) {
    const int few = 4096;
    ::setsockopt(end->fd.get(), SOL_SOCKET, SO_RCVBUF, &few, sizeof few);
  }
  std::array<char, kName> name{};
  std::memcpy(name.data(), &end->stream, kName);
  test::say(end->fd.get(), {name.data(), kName});
  set_blocking(end->fd.get(), false);
  habits_.push_back(habit);
  by_stream_.resize(habits_.size() * 2);
  by_stream_[end->stream] = end.get();
  ends_.push_back(std::move(end));
}

void Traffic::start() {
  thread_ = std::thread([this] { run(); });
}

void Traffic::run() {
  while (!stop_) {
    accept_all();
    for (auto& end : ends_) {
      if (!end->trouble.empty()) continue;
      const bool last = finishing_;
      if (end->habit != Habit::deaf || !end->is_client || last) hear(*end);
      const bool talks =
          end->habit == Habit::streams || (end->habit == Habit::deaf && !end->is_client);
      if (end->known && !last && (talks || end->said == 0)) say(*end, talks ? kWord : 100);
    }
    std::this_thread::sleep_for(500us);
  }
}

void Traffic::accept_all() {
  for (;;) {
    auto end = std::make_unique<End>();
    end->fd.reset(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!end->fd) return;
    ends_.push_back(std::move(end));
  }
}

void Traffic::hear(End& end) {
  std::array<char, 65536> bytes{};
  if (!end.known) {
    std::array<char, kName> name{};
    if (::recv(end.fd.get(), name.data(), kName, MSG_PEEK) != kName) return;
    ::recv(end.fd.get(), name.data(), kName, 0);
    uint32_t stream = 0;
    std::memcpy(&stream, name.data(), kName);
    if (stream >= by_stream_.size()) {
      end.trouble = "an unknown name";
      return;
    }
    end.stream = stream + 1;
    end.habit = habits_[stream / 2];
    end.known = true;
    by_stream_[end.stream] = &end;
  }
  const ssize_t got = ::recv(end.fd.get(), bytes.data(), bytes.size(), 0);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) {
    end.trouble = got == 0 ? "ended" : std::system_category().message(errno);
    return;
  }
  if (end.heard == 0) ++paired_;
  for (ssize_t i = 0; i < got; ++i) {
    if (bytes[static_cast<size_t>(i)] ==
        byte_at(end.stream ^ 1U, end.heard + static_cast<uint64_t>(i)))
      continue;
    end.trouble = fmt::format("wrong byte at {}", end.heard + static_cast<uint64_t>(i));
    return;
  }
  end.heard += static_cast<uint64_t>(got);
  received_ += static_cast<uint64_t>(got);
}

void Traffic::say(End& end, size_t most) {
  std::array<char, kWord> bytes{};
  for (size_t i = 0; i < most; ++i) bytes[i] = byte_at(end.stream, end.said + i);
  const ssize_t put = ::send(end.fd.get(), bytes.data(), most, MSG_NOSIGNAL);
  if (put > 0) {
    end.said += static_cast<uint64_t>(put);
  } else if (errno != EAGAIN) {
    end.trouble = std::system_category().message(errno);
  }
}

Traffic::End* Traffic::peer(const End& end) {
  return by_stream_[end.stream ^ 1U];
}

std::string Traffic::finish(Duration within) {
  // The thread ends first: what follows is this thread's alone.
  stop_ = true;
  thread_.join();
  accept_all();
  const TimePoint deadline = Clock::now() + within;
  std::vector<uint64_t> until(by_stream_.size());
  for (const auto& end : ends_) {
    if (end->known) until[end->stream] = end->said + kLast;
  }
  for (;;) {
    size_t open = 0;
    for (auto& end : ends_) {
      if (!end->trouble.empty()) continue;
      hear(*end);
      if (!end->known) continue;
      if (until[end->stream] == 0) until[end->stream] = end->said + kLast;
      if (end->said < until[end->stream])
        say(*end, std::min(kWord, until[end->stream] - end->said));
      const End* other = peer(*end);
      if (other == nullptr || end->said < until[end->stream] || other->heard < end->said) ++open;
    }
    std::string troubles;
    size_t count = 0;
    for (const auto& end : ends_) {
      if (end->trouble.empty() || ++count > 5) continue;
      troubles += fmt::format("{} of connection {} after {} said, {} heard: {}\n",
                              end->is_client ? "client" : "server", end->stream / 2, end->said,
                              end->heard, end->trouble);
    }
    if (count > 0) return fmt::format("{}{} ends in trouble", troubles, count);
    if (open == 0 && ends_.size() == habits_.size() * 2) return "";
    if (Clock::now() >= deadline) {
      return fmt::format("{} streams have not arrived, of {} ends", open, ends_.size());
    }
    std::this_thread::sleep_for(1ms);
  }
}

}  // namespace hapair::test
