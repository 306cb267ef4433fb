#include "lbcore/health/quiet_close.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include <sys/socket.h>

namespace hapair::lbcore::health {

class QuietClose::Parting {
 public:
  Parting(EventLoop& loop, UniqueFd fd)
      : fd_(std::move(fd)), readable_(loop.raw()), patience_(loop.raw()) {
    ::shutdown(fd_.get(), SHUT_WR);
    readable_.set<Parting, &Parting::on_readable>(this);
    readable_.start(fd_.get(), ev::READ);
    patience_.set<Parting, &Parting::on_timeout>(this);
    patience_.start(std::chrono::duration<double>(kPatience).count());
  }

  [[nodiscard]] bool over() const { return !fd_; }

 private:
  void on_readable(ev::io&, int) {
    std::array<char, 16384>
        rubbish;  // NOLINT(cppcoreguidelines-pro-type-member-init): only written
    const ssize_t count = ::recv(fd_.get(), rubbish.data(), rubbish.size(), 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count > 0) {
      discarded_ += static_cast<size_t>(count);
      if (discarded_ < kMostBytes) return;
    }
    close();
  }
  void on_timeout(ev::timer&, int) { close(); }
  void close() {
    readable_.stop();
    patience_.stop();
    fd_.reset();
  }

  UniqueFd fd_;
  size_t discarded_ = 0;
  ev::io readable_;
  ev::timer patience_;
};

QuietClose::QuietClose(EventLoop& loop) : loop_(loop) {}
QuietClose::~QuietClose() = default;

void QuietClose::take(UniqueFd fd) {
  // Here and not in their own callbacks: those must not destroy the watcher they run from.
  partings_.remove_if([](const Parting& parting) { return parting.over(); });
  if (partings_.size() < kMostAtOnce) partings_.emplace_back(loop_, std::move(fd));
}

size_t QuietClose::waiting() const {
  return static_cast<size_t>(
      std::ranges::count_if(partings_, [](const Parting& parting) { return !parting.over(); }));
}

}  // namespace hapair::lbcore::health
