#include "tests/support/wire_tap.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#include "common/result.h"

namespace hapair::test {

namespace {

constexpr uint8_t kVrrp = 112;
constexpr uint8_t kIcmp6 = 58;
constexpr uint8_t kNeighbourAdvertisement = 136;

std::string mac_text(const uint8_t* at) {
  return fmt::format("{:02x}", fmt::join(std::span(at, 6), ":"));
}

IpAddress v4_at(const uint8_t* at) {
  return IpAddress::from_bytes(std::span<const uint8_t, 4>(at, 4));
}
IpAddress v6_at(const uint8_t* at) {
  return IpAddress::from_bytes(std::span<const uint8_t, 16>(at, 16));
}

/// The kernel stamps with the wall clock.
TimePoint monotonic(const timespec& stamp) {
  timespec wall{};
  ::clock_gettime(CLOCK_REALTIME, &wall);
  const auto ago = std::chrono::seconds(wall.tv_sec - stamp.tv_sec) +
                   std::chrono::nanoseconds(wall.tv_nsec - stamp.tv_nsec);
  return Clock::now() - ago;
}

}  // namespace

WireTap::WireTap(const Namespace& in, const std::string& interface)
    : socket_(in.run([&] {
        UniqueFd fd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
        if (!fd) throw_system("open a tap");
        const int on = 1;
        const int room = 8 << 20;
        ::setsockopt(fd.get(), SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
        ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
        sockaddr_ll at{};
        at.sll_family = AF_PACKET;
        at.sll_protocol = htons(ETH_P_ALL);
        at.sll_ifindex = static_cast<int>(::if_nametoindex(interface.c_str()));
        if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) {
          throw_system("listen at " + interface);
        }
        return fd;
      })),
      thread_([this](const std::stop_token& stop) { listen(stop); }) {}

void WireTap::listen(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    pollfd waiting{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, 50) <= 0) continue;
    std::array<uint8_t, 2048> frame{};
    alignas(cmsghdr) std::array<char, 256> control{};
    iovec data{.iov_base = frame.data(), .iov_len = frame.size()};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t got = ::recvmsg(socket_.get(), &message, MSG_DONTWAIT);
    if (got <= 0) continue;
    timespec stamp{};
    ::clock_gettime(CLOCK_REALTIME, &stamp);
    for (cmsghdr* item = CMSG_FIRSTHDR(&message); item != nullptr;
         item = CMSG_NXTHDR(&message, item)) {
      if (item->cmsg_level == SOL_SOCKET && item->cmsg_type == SO_TIMESTAMPNS) {
        std::memcpy(&stamp, CMSG_DATA(item), sizeof stamp);
      }
    }
    take(frame.data(), static_cast<size_t>(got), monotonic(stamp));
  }
}

void WireTap::take(const uint8_t* frame, size_t length, TimePoint at) {
  if (length < 42) return;
  const uint8_t* body = frame + ETH_HLEN;
  const std::string mac = mac_text(frame + 6);
  const auto type = static_cast<uint16_t>(frame[12] << 8 | frame[13]);
  const std::lock_guard lock(mutex_);
  if (type == ETHERTYPE_ARP) {
    // Gratuitous: sender and target are one address.
    if (std::equal(body + 14, body + 18, body + 24)) {
      announcements_.push_back(
          {.at = at, .mac = mac, .vip = v4_at(body + 14), .says = mac_text(body + 8)});
    }
  } else if (type == ETHERTYPE_IP && body[9] == kVrrp) {
    const uint8_t* vrrp = body + static_cast<size_t>(body[0] & 0x0f) * 4;
    advertisements_.push_back(
        {.at = at, .mac = mac, .source = v4_at(body + 12), .vrid = vrrp[1], .priority = vrrp[2]});
  } else if (type == ETHERTYPE_IPV6 && length >= 62) {
    const uint8_t* payload = body + 40;
    if (body[6] == kVrrp) {
      advertisements_.push_back({.at = at,
                                 .mac = mac,
                                 .source = v6_at(body + 8),
                                 .vrid = payload[1],
                                 .priority = payload[2]});
    } else if (body[6] == kIcmp6 && payload[0] == kNeighbourAdvertisement && length >= 86) {
      announcements_.push_back(
          {.at = at, .mac = mac, .vip = v6_at(payload + 8), .says = mac_text(payload + 26)});
    }
  }
}

std::vector<WireTap::Advertisement> WireTap::advertisements(TimePoint since) const {
  const std::lock_guard lock(mutex_);
  std::vector<Advertisement> out;
  std::ranges::copy_if(advertisements_, std::back_inserter(out),
                       [&](const auto& heard) { return heard.at >= since; });
  return out;
}

std::vector<WireTap::Announcement> WireTap::announcements(TimePoint since) const {
  const std::lock_guard lock(mutex_);
  std::vector<Announcement> out;
  std::ranges::copy_if(announcements_, std::back_inserter(out),
                       [&](const auto& heard) { return heard.at >= since; });
  return out;
}

TimePoint WireTap::first_announcement(const IpAddress& vip, TimePoint since) const {
  for (const Announcement& heard : announcements(since)) {
    if (heard.vip == vip) return heard.at;
  }
  return TimePoint::max();
}

std::vector<Duration> WireTap::gaps(const IpAddress& source, uint8_t vrid, TimePoint since) const {
  std::vector<Duration> out;
  TimePoint last{};
  for (const Advertisement& heard : advertisements(since)) {
    if (heard.source != source || heard.vrid != vrid) continue;
    if (last != TimePoint{}) out.push_back(heard.at - last);
    last = heard.at;
  }
  return out;
}

Duration WireTap::worst_gap(const IpAddress& source, uint8_t vrid, TimePoint since) const {
  const auto all = gaps(source, vrid, since);
  return all.empty() ? Duration::max() : *std::ranges::max_element(all);
}

}  // namespace hapair::test
