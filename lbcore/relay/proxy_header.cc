#include "lbcore/relay/proxy_header.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

#include <fmt/format.h>

namespace hapair::lbcore::relay {

namespace {

using State = ProxyHeader::State;

constexpr std::string_view kLineStart = "PROXY ";
constexpr size_t kMostLine = 107;  // with its CR LF
constexpr std::string_view kSignature{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr size_t kFixed = 16;  // signature, command, family, length
constexpr size_t kAddressesV4 = 12;
constexpr size_t kAddressesV6 = 36;
constexpr size_t kAddressesUnix = 216;
constexpr size_t kTlvHead = 3;

ProxyHeader malformed(std::string_view why) {
  return {.state = State::malformed, .mistake = why};
}

/// The next word of a line whose words are parted by exactly one space.
std::optional<std::string_view> next_word(std::string_view& rest) {
  const size_t end = std::min(rest.find(' '), rest.size());
  if (end == 0) return std::nullopt;
  const std::string_view word = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return word;
}

std::optional<uint16_t> port_of(std::string_view word) {
  if (word.size() > 1 && word.front() == '0') return std::nullopt;
  uint32_t port = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), port);
  if (error != std::errc{} || end != word.data() + word.size() || port > 65535) return std::nullopt;
  return static_cast<uint16_t>(port);
}

/// Section 2.1.
ProxyHeader parse_line(std::string_view bytes) {
  const size_t end = bytes.substr(0, kMostLine).find("\r\n");
  if (end == std::string_view::npos) {
    if (bytes.size() >= kMostLine) return malformed("its line does not end");
    return {};
  }
  ProxyHeader out{.state = State::complete, .length = end + 2};
  std::string_view line = bytes.substr(kLineStart.size(), end - kLineStart.size());
  // "The receiver must ignore anything presented before the CRLF."
  if (line == "UNKNOWN" || line.starts_with("UNKNOWN ")) return out;
  if (line.ends_with(' ')) return malformed("its line ends in a space");
  const auto family = next_word(line);
  if (!family || (*family != "TCP4" && *family != "TCP6")) {
    return malformed("its protocol is not TCP4, TCP6 or UNKNOWN");
  }
  std::array<std::string_view, 4> words;
  for (std::string_view& word : words) {
    const auto next = next_word(line);
    if (!next) return malformed("its line does not have two addresses and two ports");
    word = *next;
  }
  if (!line.empty()) return malformed("its line has more than two addresses and two ports");
  const auto client = IpAddress::parse(words[0]);
  const auto destination = IpAddress::parse(words[1]);
  const bool v4 = *family == "TCP4";
  if (!client || !destination || client->is_v4() != v4 || destination->is_v4() != v4) {
    return malformed("an address is none of its protocol");
  }
  const auto client_port = port_of(words[2]);
  const auto destination_port = port_of(words[3]);
  if (!client_port || !destination_port) return malformed("a port is none");
  out.has_addresses = true;
  out.client = {*client, *client_port};
  out.destination = {*destination, *destination_port};
  return out;
}

uint8_t byte_at(std::string_view bytes, size_t at) {
  return static_cast<uint8_t>(bytes[at]);
}

uint16_t word_at(std::string_view bytes, size_t at) {
  return static_cast<uint16_t>(byte_at(bytes, at) << 8 | byte_at(bytes, at + 1));
}

template <size_t Size>
IpAddress address_at(std::string_view bytes, size_t at) {
  std::array<uint8_t, Size> raw;
  std::memcpy(raw.data(), bytes.data() + at, Size);
  return IpAddress::from_bytes(std::span<const uint8_t, Size>(raw));
}

/// Section 2.2: both addresses, then both ports.
template <size_t Size>
void take_addresses(std::string_view body, ProxyHeader& out) {
  out.has_addresses = true;
  out.client = {address_at<Size>(body, 0), word_at(body, 2 * Size)};
  out.destination = {address_at<Size>(body, Size), word_at(body, 2 * Size + 2)};
}

/// Section 2.2.1: nothing of them is used, but a sender whose lengths do not fit is not believed.
bool tlvs_fit(std::string_view rest) {
  while (!rest.empty()) {
    if (rest.size() < kTlvHead) return false;
    const size_t length = kTlvHead + word_at(rest, 1);
    if (rest.size() < length) return false;
    rest.remove_prefix(length);
  }
  return true;
}

/// Section 2.2.
ProxyHeader parse_binary(std::string_view bytes) {
  if (bytes.size() > kSignature.size() && byte_at(bytes, 12) >> 4 != 2) {
    return malformed("its version is not 2");
  }
  if (bytes.size() < kFixed) return {};
  const size_t length = kFixed + word_at(bytes, 14);
  if (length > kMostProxyHeader) return malformed("it is longer than 16 KiB");
  const int command = byte_at(bytes, 12) & 0xf;
  if (command > 1) return malformed("its command is neither LOCAL nor PROXY");
  const int family = byte_at(bytes, 13) >> 4;
  const int transport = byte_at(bytes, 13) & 0xf;
  constexpr std::array kAddresses{size_t{0}, kAddressesV4, kAddressesV6, kAddressesUnix};
  const bool local = command == 0;
  size_t addresses = 0;
  // "Discard the protocol block including the family, which is ignored": of LOCAL.
  if (!local) {
    if (family > 3 || transport > 2) return malformed("its family or transport is unassigned");
    addresses = kAddresses[static_cast<size_t>(family)];
    if (length < kFixed + addresses) return malformed("it is too short for its addresses");
  }
  if (bytes.size() < length) return {};
  ProxyHeader out{.state = State::complete, .length = length};
  if (local) return out;
  const std::string_view body = bytes.substr(kFixed, length - kFixed);
  if (family != 0 && !tlvs_fit(body.substr(addresses))) return malformed("its TLVs do not fit");
  constexpr int kStream = 1;
  if (transport == kStream && family == 1) take_addresses<4>(body, out);
  if (transport == kStream && family == 2) take_addresses<16>(body, out);
  return out;
}

/// Whether `bytes` begin as `start` does, as far as they go.
bool may_become(std::string_view bytes, std::string_view start) {
  return bytes.substr(0, start.size()) == start.substr(0, bytes.size());
}

void put_word(char* at, uint16_t value) {
  at[0] = static_cast<char>(value >> 8);
  at[1] = static_cast<char>(value & 0xff);
}

size_t write_line(const Endpoint& client, const Endpoint& destination, char* out) {
  const bool known = client.ip.family() == destination.ip.family();
  if (!known) return static_cast<size_t>(fmt::format_to(out, "PROXY UNKNOWN\r\n") - out);
  char* end = fmt::format_to(out, "PROXY TCP{} {} {} {} {}\r\n", client.ip.is_v4() ? 4 : 6,
                             client.ip.to_string(), destination.ip.to_string(), client.port,
                             destination.port);
  return static_cast<size_t>(end - out);
}

size_t write_binary(const Endpoint& client, const Endpoint& destination, char* out) {
  std::memcpy(out, kSignature.data(), kSignature.size());
  const bool known = client.ip.family() == destination.ip.family();
  out[12] = known ? 0x21 : 0x20;
  out[13] = 0;
  put_word(out + 14, 0);
  if (!known) return kFixed;
  const auto from = client.ip.bytes();
  const auto to = destination.ip.bytes();
  out[13] = client.ip.is_v4() ? 0x11 : 0x21;
  put_word(out + 14, static_cast<uint16_t>(2 * from.size() + 4));
  char* at = out + kFixed;
  std::memcpy(at, from.data(), from.size());
  std::memcpy(at + from.size(), to.data(), to.size());
  at += 2 * from.size();
  put_word(at, client.port);
  put_word(at + 2, destination.port);
  return static_cast<size_t>(at + 4 - out);
}

}  // namespace

ProxyHeader parse_proxy_header(std::span<const char> input) {
  const std::string_view bytes(input.data(), input.size());
  const bool line = may_become(bytes, kLineStart);
  if (!line && !may_become(bytes, kSignature)) return malformed("there is none");
  if (bytes.size() < kLineStart.size()) return {};
  if (line) return parse_line(bytes);
  return bytes.size() < kSignature.size() ? ProxyHeader{} : parse_binary(bytes);
}

size_t write_proxy_header(ProxyProtocol version, const Endpoint& client,
                          const Endpoint& destination, std::span<char, kProxyHeaderRoom> out) {
  switch (version) {
    case ProxyProtocol::none:
      return 0;
    case ProxyProtocol::v1:
      return write_line(client, destination, out.data());
    case ProxyProtocol::v2:
      return write_binary(client, destination, out.data());
  }
  return 0;
}

}  // namespace hapair::lbcore::relay
