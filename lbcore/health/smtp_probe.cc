#include "lbcore/health/smtp_probe.h"

#include <fmt/format.h>

namespace hapair::lbcore::health {

namespace {

constexpr uint16_t kReady = 220;
constexpr uint16_t kOk = 250;

}  // namespace

void SmtpProbe::on_open() {
  greeted_ = false;
  reply_ = {};
}

void SmtpProbe::on_bytes(std::string_view bytes) {
  if (bytes.empty()) {
    return finish(ProbeCode::l7rsp, greeted_ ? "closed upon EHLO" : "closed without a greeting");
  }
  switch (reply_.feed(bytes)) {
    case SmtpReply::State::reading:
      return;
    case SmtpReply::State::done:
      return on_reply(reply_.code());
    case SmtpReply::State::refused:
      return finish(ProbeCode::l7rsp, std::string(reply_.refusal()));
  }
}

void SmtpProbe::on_reply(uint16_t code) {
  if (!greeted_) {
    if (code != kReady) return finish(ProbeCode::l7sts, fmt::format("{} as its greeting", code));
    greeted_ = true;
    reply_ = {};
    return say(
        fmt::format("EHLO {}\r\n", spec().host.empty() ? "hapair-check.invalid" : spec().host));
  }
  if (code != kOk) return finish(ProbeCode::l7sts, fmt::format("{} upon EHLO", code));
  say("QUIT\r\n");  // its answer is of no interest
  finish(ProbeCode::l7ok, fmt::format("{}", code));
}

}  // namespace hapair::lbcore::health
