// Whatever a server under check may send after the status line, as a DNS message, an SMTP reply or
// an echo reply: within bounds, and the same verdict however the bytes of a stream were cut.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "lbcore/health/dns_message.h"
#include "lbcore/health/http_body.h"
#include "lbcore/health/icmp_echo.h"
#include "lbcore/health/smtp_reply.h"

using namespace hapair::lbcore::health;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);

  HttpBodySearch body("well");
  body.feed(bytes);
  HttpBodySearch body_pieces("well");
  for (const char& byte : bytes) body_pieces.feed({&byte, 1});
  if (body.state() != body_pieces.state() || body.refusal() != body_pieces.refusal()) std::abort();
  if (body.state() == HttpBodySearch::State::refused && body.refusal().empty()) std::abort();

  SmtpReply reply;
  reply.feed(bytes);
  SmtpReply reply_pieces;
  for (const char& byte : bytes) reply_pieces.feed({&byte, 1});
  if (reply.state() != reply_pieces.state()) std::abort();
  if (reply.state() == SmtpReply::State::done && (reply.code() < 200 || reply.code() > 599)) {
    std::abort();
  }

  const DnsAnswer answer = read_dns_answer(bytes, dns_query(0x6869, "a.example", 1));
  if (answer.records > 0 && answer.state == DnsAnswer::State::foreign) std::abort();

  (void)is_echo_reply(false, skip_ip_header(bytes), 1, true, 1);
  (void)is_echo_reply(true, bytes, 1, false, 1);
  return 0;
}
