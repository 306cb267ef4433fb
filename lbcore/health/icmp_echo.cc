#include "lbcore/health/icmp_echo.h"

namespace hapair::lbcore::health {

namespace {

constexpr uint8_t kRequestV4 = 8;
constexpr uint8_t kReplyV4 = 0;
constexpr uint8_t kRequestV6 = 128;
constexpr uint8_t kReplyV6 = 129;
constexpr size_t kEchoBytes = 8;
constexpr std::string_view kPayload = "hapair check";

void put16(std::string& out, size_t at, uint16_t value) {
  out[at] = static_cast<char>(value >> 8);
  out[at + 1] = static_cast<char>(value & 0xff);
}

uint16_t get16(std::string_view bytes, size_t at) {
  return static_cast<uint16_t>(static_cast<uint8_t>(bytes[at]) << 8 |
                               static_cast<uint8_t>(bytes[at + 1]));
}

uint16_t checksum(std::string_view bytes) {  // an even number of them
  uint32_t sum = 0;
  for (size_t i = 0; i + 1 < bytes.size(); i += 2) sum += get16(bytes, i);
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}
static_assert(kPayload.size() % 2 == 0);

}  // namespace

std::string echo_request(bool v6, uint16_t id, uint16_t sequence) {
  std::string out(kEchoBytes, '\0');
  out[0] = static_cast<char>(v6 ? kRequestV6 : kRequestV4);
  put16(out, 4, id);
  put16(out, 6, sequence);
  out += kPayload;
  if (!v6) put16(out, 2, checksum(out));
  return out;
}

bool is_echo_reply(bool v6, std::string_view message, uint16_t id, bool check_id,
                   uint16_t sequence) {
  return message.size() == kEchoBytes + kPayload.size() &&
         static_cast<uint8_t>(message[0]) == (v6 ? kReplyV6 : kReplyV4) && message[1] == 0 &&
         (!check_id || get16(message, 4) == id) && get16(message, 6) == sequence &&
         message.substr(kEchoBytes) == kPayload;
}

std::string_view skip_ip_header(std::string_view packet) {
  if (packet.empty() || static_cast<uint8_t>(packet[0]) >> 4 != 4) return {};
  const size_t length = size_t{4} * (static_cast<uint8_t>(packet[0]) & 0x0f);
  return length < 20 || length > packet.size() ? std::string_view{} : packet.substr(length);
}

}  // namespace hapair::lbcore::health
