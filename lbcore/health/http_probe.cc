#include "lbcore/health/http_probe.h"

#include <array>
#include <cerrno>
#include <system_error>

#include <fmt/format.h>
#include <sys/socket.h>

namespace hapair::lbcore::health {

std::string check_request(const CheckSpec& spec, const Endpoint& server) {
  return fmt::format(
      "{} {} HTTP/1.1\r\n"
      "Host: {}\r\n"
      "User-Agent: hapair-check\r\n"
      "Accept: */*\r\n"
      "Connection: close\r\n"
      "\r\n",
      spec.method, spec.path, server.to_string());
}

HttpProbe::HttpProbe(EventLoop& loop, QuietClose& closer, const Endpoint& server,
                     const CheckSpec& spec, Done done)
    : Probe(loop, closer, server, spec.timeout, std::move(done)),
      request_(check_request(spec, server)),
      expect_from_(spec.expect_from),
      expect_to_(spec.expect_to) {}

void HttpProbe::on_connected() {
  sent_ = 0;
  answer_ = {};
  on_writable();
}

void HttpProbe::on_writable() {
  bool blocked = false;
  while (sent_ < request_.size()) {
    const ssize_t count =
        ::send(fd(), request_.data() + sent_, request_.size() - sent_, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      // A server that hung up may have said why: reading tells, so an error is not the end.
      blocked = errno == EAGAIN;
      break;
    }
    sent_ += static_cast<size_t>(count);
  }
  watch(blocked ? ev::READ | ev::WRITE : ev::READ);
}

void HttpProbe::on_readable() {
  std::array<char, 2048> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): only written
  const ssize_t count = ::recv(fd(), buffer.data(), buffer.size(), 0);
  if (count < 0) {
    if (errno == EAGAIN || errno == EINTR) return;
    return finish(ProbeCode::l7rsp, std::system_category().message(errno));
  }
  if (count == 0) return finish(ProbeCode::l7rsp, "closed without a whole status line");
  switch (answer_.feed({buffer.data(), static_cast<size_t>(count)})) {
    case HttpStatusParser::State::reading:
      return;
    case HttpStatusParser::State::done:
      return finish_with_status(answer_.status());
    case HttpStatusParser::State::refused:
      return finish(ProbeCode::l7rsp, std::string(answer_.refusal()));
  }
}

void HttpProbe::finish_with_status(uint16_t status) {
  const bool expected = status >= expect_from_ && status <= expect_to_;
  finish(expected ? ProbeCode::l7ok : ProbeCode::l7sts, fmt::format("{}", status));
}

}  // namespace hapair::lbcore::health
