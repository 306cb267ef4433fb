#include "vrrpd/witness/probe.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "vrrpd/wire/arp.h"
#include "vrrpd/wire/ndisc.h"

namespace hapair::vrrp {

namespace {

template <typename T>
bool set(int fd, int level, int name, const T& value) {
  return ::setsockopt(fd, level, name, &value, sizeof value) == 0;
}

uint32_t word_at(const IpAddress& ip, size_t offset) {
  uint32_t out = 0;
  for (const uint8_t byte : ip.bytes().subspan(offset, 4)) out = out << 8 | byte;
  return out;
}

/// ARP replies whose sender is the witness.
std::vector<sock_filter> arp_filter(const IpAddress& witness) {
  return {
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 14 + 6),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 2, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 14 + 14),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, word_at(witness, 0), 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0xffffffffU),
      BPF_STMT(BPF_RET | BPF_K, 0),
  };
}

/// Neighbour Advertisements about the witness.
std::vector<sock_filter> advertisement_filter(const IpAddress& witness) {
  constexpr uint32_t kMessage = 14 + 40;
  std::vector<sock_filter> out{
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 14 + 6),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 58, 0, 11),
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kMessage),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 136, 0, 9),
  };
  for (size_t i = 0; i < 4; ++i) {
    out.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(kMessage + 8 + 4 * i)));
    out.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, word_at(witness, 4 * i), 0,
                           static_cast<uint8_t>(7 - 2 * i)));
  }
  out.push_back(BPF_STMT(BPF_RET | BPF_K, 0xffffffffU));
  out.push_back(BPF_STMT(BPF_RET | BPF_K, 0));
  return out;
}

}  // namespace

WitnessProbe::WitnessProbe(Surroundings around, WitnessConfig config)
    : around_(std::move(around)),
      config_(config),
      witness_(config.interval),
      watcher_(around_.loop.raw()),
      turn_(around_.loop, [this] { on_turn(); }) {}

void WitnessProbe::start(const Interface& interface, const IpAddress& own) {
  if (running_ && interface.index == interface_.index && interface.mac == interface_.mac &&
      own == own_) {
    return;
  }
  stop();
  running_ = true;
  interface_ = interface;
  own_ = own;
  witness_.begin(around_.loop.now());
  turn_.arm(witness_.next());
}

void WitnessProbe::stop() {
  running_ = false;
  watcher_.stop();
  fd_.reset();
  turn_.disarm();
}

void WitnessProbe::look_closely(Duration window) {
  if (!running_) return;
  witness_.look_closely(around_.loop.now(), window);
  turn_.arm(witness_.next());
}

void WitnessProbe::on_turn() {
  if (fd_ && config_.kind == WitnessConfig::Kind::neighbour) on_frame(watcher_, ev::READ);
  const TimePoint now = around_.loop.now();
  const Witness::Outcome outcome = witness_.on_time(now);
  turn_.arm(witness_.next());
  if (outcome.probe) ask();
  if (outcome.failed) {
    around_.on_failure({.reason = "the witness " + config_.to_string() + " does not answer",
                        .since = witness_.silent_since().value_or(now),
                        .asked = outcome.asked});
  }
}

void WitnessProbe::ask() {
  const Status asked = config_.kind == WitnessConfig::Kind::tcp ? ask_tcp() : ask_neighbour();
  const std::string trouble = asked ? "" : asked.error().message;
  if (trouble != trouble_ && !trouble.empty()) {
    around_.log.environment(around_.subsystem, "{}", trouble);
  }
  trouble_ = trouble;
}

void WitnessProbe::answered() {
  witness_.on_answer(around_.loop.now());
  if (running_) turn_.arm(witness_.next());
  around_.on_answer();
}

// --- A neighbour ---------------------------------------------------------------------------------

Status WitnessProbe::open_neighbour() {
  const bool v4 = config_.target.ip.is_v4();
  UniqueFd fd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return fail_system("open a packet socket for the witness");
  // The filter first: until it is bound, the socket hears nothing.
  std::vector<sock_filter> program =
      v4 ? arp_filter(config_.target.ip) : advertisement_filter(config_.target.ip);
  const sock_fprog filter{.len = static_cast<uint16_t>(program.size()), .filter = program.data()};
  sockaddr_ll at{};
  at.sll_family = AF_PACKET;
  at.sll_protocol = htons(v4 ? ETH_P_ARP : ETH_P_IPV6);
  at.sll_ifindex = interface_.index;
  const auto* bare = reinterpret_cast<const sockaddr*>(&at);  // NOLINT: the socket API's cast
  if (!set(fd.get(), SOL_SOCKET, SO_ATTACH_FILTER, filter) ||
      ::bind(fd.get(), bare, sizeof at) != 0) {
    return fail_system("listen for the witness on " + interface_.name);
  }
  fd_ = std::move(fd);
  watcher_.set<WitnessProbe, &WitnessProbe::on_frame>(this);
  watcher_.start(fd_.get(), ev::READ);
  return {};
}

std::vector<uint8_t> WitnessProbe::question() const {
  if (config_.target.ip.is_v4()) {
    const ArpFrame frame = arp_request(interface_.mac, own_, config_.target.ip);
    return {frame.begin(), frame.end()};
  }
  const NeighbourFrame frame = solicitation(interface_.mac, own_, config_.target.ip);
  return {frame.begin(), frame.end()};
}

Status WitnessProbe::ask_neighbour() {
  if (!fd_) {
    if (auto opened = open_neighbour(); !opened) return opened;
  }
  const std::vector<uint8_t> frame = question();
  if (::send(fd_.get(), frame.data(), frame.size(), MSG_NOSIGNAL) < 0) {
    return fail_system("ask the witness " + config_.to_string());
  }
  return {};
}

void WitnessProbe::on_frame(ev::io&, int) {
  bool heard = false;
  while (fd_) {
    std::array<uint8_t, 128> frame{};
    sockaddr_ll from{};
    socklen_t length = sizeof from;
    auto* bare = reinterpret_cast<sockaddr*>(&from);  // NOLINT: the socket API's cast
    const ssize_t got = ::recvfrom(fd_.get(), frame.data(), frame.size(), MSG_TRUNC, bare, &length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) break;
    if (from.sll_pkttype == PACKET_HOST) heard = true;
  }
  if (heard) answered();
}

// --- A TCP connection ----------------------------------------------------------------------------

Status WitnessProbe::ask_tcp() {
  watcher_.stop();
  fd_.reset();  // an attempt without an answer is given up
  const std::string attempt = "ask the witness " + config_.to_string();
  UniqueFd fd(::socket(config_.target.ip.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return fail_system(attempt);
  // Closed by a reset: nothing lingers here for a minute.
  set(fd.get(), SOL_SOCKET, SO_LINGER, linger{.l_onoff = 1, .l_linger = 0});
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, interface_.name.c_str(),
                   static_cast<socklen_t>(interface_.name.size() + 1)) != 0) {
    return fail_system(attempt);
  }
  sockaddr_storage address{};
  auto* bare = reinterpret_cast<sockaddr*>(&address);  // NOLINT: the socket API's cast
  if (own_.family() == config_.target.ip.family() && !own_.is_link_local()) {
    const socklen_t own_length = Endpoint{.ip = own_, .port = 0}.to_sockaddr(address);
    if (::bind(fd.get(), bare, own_length) != 0) return fail_system(attempt);
  }
  const socklen_t length = config_.target.to_sockaddr(address);
  if (::connect(fd.get(), bare, length) != 0 && errno != EINPROGRESS) {
    if (errno != ECONNREFUSED) return fail_system(attempt);
    answered();
    return {};
  }
  fd_ = std::move(fd);
  watcher_.set<WitnessProbe, &WitnessProbe::on_connected>(this);
  watcher_.start(fd_.get(), ev::WRITE);
  return {};
}

void WitnessProbe::on_connected(ev::io&, int) {
  int error = 0;
  socklen_t length = sizeof error;
  ::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &length);
  watcher_.stop();
  fd_.reset();
  if (error == 0 || error == ECONNREFUSED) answered();
}

}  // namespace hapair::vrrp
