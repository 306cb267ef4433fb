// The cheapest relay of datagrams there can be on sockets and epoll: one thread, one connected
// socket for each client, no timeouts, no errors, no end of a flow. It takes requests in batches
// and sends the answers of one epoll_wait together, as lbcore does: it shows what the machine takes
// for the system calls alone.
//
// usage: bench_relay_floor_udp PORT SERVER SERVER_PORT
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <unordered_map>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

namespace {

constexpr size_t kBatch = 32;
constexpr size_t kMostBytes = 2048;

/// Messages with buffers of their own.
struct Batch {
  Batch() {
    for (size_t i = 0; i < kBatch; ++i) {
      data[i] = {.iov_base = bytes[i].data(), .iov_len = kMostBytes};
      messages[i].msg_hdr.msg_name = &names[i];
      messages[i].msg_hdr.msg_namelen = sizeof names[i];
      messages[i].msg_hdr.msg_iov = &data[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
  }
  std::array<std::array<char, kMostBytes>, kBatch> bytes{};
  std::array<sockaddr_in, kBatch> names{};
  std::array<iovec, kBatch> data{};
  std::array<mmsghdr, kBatch> messages{};
  size_t count = 0;
};

struct Flow {
  int fd = -1;
  sockaddr_in client{};
};

class Floor {
 public:
  Floor(uint16_t port, const char* server, uint16_t server_port) {
    server_.sin_family = AF_INET;
    server_.sin_port = htons(server_port);
    ::inet_pton(AF_INET, server, &server_.sin_addr);
    sockaddr_in own{};
    own.sin_family = AF_INET;
    own.sin_port = htons(port);
    if (::bind(vip_, reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0) {
      std::perror("bind");
      std::exit(1);
    }
    watch(vip_, nullptr);
  }

  [[noreturn]] void run() {
    std::vector<epoll_event> events(256);
    while (true) {
      const int ready = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
      for (int i = 0; i < ready; ++i) {
        auto* flow = static_cast<Flow*>(events[static_cast<size_t>(i)].data.ptr);
        flow == nullptr ? requests() : answer(*flow);
      }
      send_answers();
    }
  }

 private:
  void watch(int fd, Flow* flow) const {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = flow;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }

  void requests() {
    const int got = ::recvmmsg(vip_, in_.messages.data(), kBatch, MSG_DONTWAIT, nullptr);
    for (int each = 0; each < got; ++each) {
      const auto i = static_cast<size_t>(each);
      in_.messages[i].msg_hdr.msg_namelen = sizeof in_.names[i];
      const sockaddr_in& client = in_.names[i];
      Flow& flow = flows_[uint64_t{client.sin_addr.s_addr} << 16 | client.sin_port];
      if (flow.fd < 0) {
        flow = {.fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
                .client = client};
        (void)::connect(flow.fd, reinterpret_cast<const sockaddr*>(&server_), sizeof server_);
        watch(flow.fd, &flow);
      }
      (void)::send(flow.fd, in_.bytes[i].data(), in_.messages[i].msg_len, MSG_DONTWAIT);
    }
  }

  void answer(const Flow& flow) {
    if (out_.count == kBatch) send_answers();
    const ssize_t got = ::recv(flow.fd, out_.bytes[out_.count].data(), kMostBytes, MSG_DONTWAIT);
    if (got < 0) return;
    out_.data[out_.count].iov_len = static_cast<size_t>(got);
    out_.names[out_.count] = flow.client;
    ++out_.count;
  }

  void send_answers() {
    if (out_.count > 0) {
      (void)::sendmmsg(vip_, out_.messages.data(), static_cast<unsigned>(out_.count), MSG_DONTWAIT);
    }
    out_.count = 0;
  }

  int epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  int vip_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_in server_{};
  std::unordered_map<uint64_t, Flow> flows_;
  Batch in_;
  Batch out_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: bench_relay_floor_udp PORT SERVER SERVER_PORT\n", stderr);
    return 2;
  }
  Floor floor(static_cast<uint16_t>(std::atoi(argv[1])), argv[2],
              static_cast<uint16_t>(std::atoi(argv[3])));
  floor.run();
}
