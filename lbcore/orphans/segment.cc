#include "lbcore/orphans/segment.h"

#include <span>

namespace hapair::lbcore::orphans {

namespace {

constexpr size_t kTcpBytes = 20;
constexpr uint8_t kTcp = 6;
constexpr uint8_t kHops = 64;
constexpr uint8_t kSynAck = 0x12;
constexpr size_t kChecksumInTcp = 16;

class Bytes {
 public:
  void u8(unsigned value) { out_.push_back(static_cast<uint8_t>(value)); }
  void u16(unsigned value) {
    u8(value >> 8U);
    u8(value & 0xffU);
  }
  void u32(uint32_t value) {
    u16(value >> 16U);
    u16(value & 0xffffU);
  }
  void bytes(std::span<const uint8_t> some) { out_.insert(out_.end(), some.begin(), some.end()); }
  std::vector<uint8_t> take() { return std::move(out_); }

 private:
  std::vector<uint8_t> out_;
};

uint32_t sum(std::span<const uint8_t> words) {
  uint32_t out = 0;
  for (size_t i = 0; i + 1 < words.size(); i += 2) {
    out += static_cast<uint32_t>(words[i]) << 8U | words[i + 1];
  }
  return out;
}

uint16_t fold(uint32_t total) {
  while (total >> 16U != 0) total = (total & 0xffffU) + (total >> 16U);
  return static_cast<uint16_t>(~total);
}

}  // namespace

std::vector<uint8_t> challenge(const Ends& ends, uint32_t sequence, uint32_t acknowledged) {
  Bytes out;
  if (ends.ours.ip.is_v4()) {
    out.u8(0x45);  // version 4, five words
    out.u8(0);
    out.u16(20 + kTcpBytes);
    out.u16(0);       // id
    out.u16(0x4000);  // do not fragment
    out.u8(kHops);
    out.u8(kTcp);
    out.u16(0);  // checksum: the kernel's
  } else {
    out.u32(0x60000000);  // version 6
    out.u16(kTcpBytes);
    out.u8(kTcp);
    out.u8(kHops);
  }
  out.bytes(ends.ours.ip.bytes());
  out.bytes(ends.theirs.ip.bytes());

  out.u16(ends.ours.port);
  out.u16(ends.theirs.port);
  out.u32(sequence);
  out.u32(acknowledged);
  out.u8(0x50);  // five words
  out.u8(kSynAck);
  out.u16(0);  // window
  out.u16(0);  // checksum
  out.u16(0);  // urgent
  auto packet = out.take();

  // RFC 9293 section 3.1: over the segment and a header of both addresses, protocol and length.
  const auto tcp = std::span(packet).last(kTcpBytes);
  const uint16_t checksum =
      fold(sum(tcp) + sum(ends.ours.ip.bytes()) + sum(ends.theirs.ip.bytes()) + kTcp + kTcpBytes);
  tcp[kChecksumInTcp] = static_cast<uint8_t>(checksum >> 8U);
  tcp[kChecksumInTcp + 1] = static_cast<uint8_t>(checksum & 0xffU);
  return packet;
}

}  // namespace hapair::lbcore::orphans
