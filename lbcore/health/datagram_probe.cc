#include "lbcore/health/datagram_probe.h"

#include <cerrno>
#include <utility>

#include <sys/socket.h>

#include "common/units.h"
#include "lbcore/health/probe_socket.h"

namespace hapair::lbcore::health {

namespace {

constexpr size_t kLargestDatagram = 65'535;

}  // namespace

DatagramProbe::DatagramProbe(ProbeTools& tools, const Endpoint& server, const CheckSpec& spec,
                             Done done)
    : Probe(tools, spec, std::move(done)),
      at_(probe_address(server, spec)),
      watcher_(tools.loop.raw()) {
  watcher_.set<DatagramProbe, &DatagramProbe::on_readable>(this);
}

DatagramProbe::~DatagramProbe() = default;

void DatagramProbe::release() {
  watcher_.stop();
  fd_.reset();
}

void DatagramProbe::begin() {
  Opening opening = open_probe_socket(at_, spec(), SOCK_DGRAM);
  if (!opening.own.empty()) return finish(ProbeCode::sockerr, std::move(opening.own));
  if (opening.error != 0) return failed(opening.error);
  fd_ = std::move(opening.fd);
  const std::string text = question();
  if (::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL) < 0) return failed(errno);
  watcher_.start(fd_.get(), ev::READ);
}

void DatagramProbe::failed(int error) {
  finish(is_environment(error, at_) ? ProbeCode::sockerr : ProbeCode::l4con, reason(error));
}

void DatagramProbe::on_readable(ev::io&, int) {
  std::string buffer(kLargestDatagram, '\0');
  while (running()) {
    const ssize_t count = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return;
    if (count < 0) return failed(errno);
    on_datagram(std::string_view(buffer).substr(0, static_cast<size_t>(count)));
  }
}

void DatagramProbe::out_of_time() {
  finish(ProbeCode::l7tout, "no answer in " + format_duration(spec().timeout));
}

std::string UdpProbe::question() {
  return spec().send;
}

void UdpProbe::on_datagram(std::string_view bytes) {
  if (bytes.find(spec().answer) == std::string_view::npos) {
    return finish(ProbeCode::l7rsp, "an answer without the text");
  }
  finish(ProbeCode::l7ok, "");
}

void UdpProbe::out_of_time() {
  if (!spec().answer.empty()) return DatagramProbe::out_of_time();
  finish(ProbeCode::l4ok, "not refused");
}

}  // namespace hapair::lbcore::health
