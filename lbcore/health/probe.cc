#include "lbcore/health/probe.h"

#include <utility>

#include "lbcore/health/datagram_probe.h"
#include "lbcore/health/dns_probe.h"
#include "lbcore/health/exec_probe.h"
#include "lbcore/health/http_probe.h"
#include "lbcore/health/icmp_probe.h"
#include "lbcore/health/smtp_probe.h"
#include "lbcore/health/stream_probe.h"

namespace hapair::lbcore::health {

Probe::Probe(ProbeTools& tools, CheckSpec spec, Done done)
    : tools_(tools), spec_(std::move(spec)), done_(std::move(done)), timer_(tools.loop.raw()) {
  timer_.set<Probe, &Probe::on_timeout>(this);
}

void Probe::start() {
  started_ = tools_.loop.refresh_now();
  running_ = true;
  timer_.start(std::chrono::duration<double>(spec_.timeout).count());
  begin();
}

void Probe::on_timeout(ev::timer&, int) {
  out_of_time();
}

void Probe::finish(ProbeCode code, std::string detail) {
  timer_.stop();
  release();
  running_ = false;
  done_(
      {.code = code, .detail = std::move(detail), .latency = tools_.loop.refresh_now() - started_});
}

std::unique_ptr<Probe> make_probe(ProbeTools& tools, const Endpoint& server, const CheckSpec& spec,
                                  Probe::Done done) {
  switch (spec.kind) {
    case CheckKind::none:
      break;
    case CheckKind::tcp:
    case CheckKind::tls:
      return std::make_unique<OpenProbe>(tools, server, spec, std::move(done));
    case CheckKind::http:
    case CheckKind::https:
      return std::make_unique<HttpProbe>(tools, server, spec, std::move(done));
    case CheckKind::smtp:
      return std::make_unique<SmtpProbe>(tools, server, spec, std::move(done));
    case CheckKind::udp:
      return std::make_unique<UdpProbe>(tools, server, spec, std::move(done));
    case CheckKind::dns:
      return std::make_unique<DnsProbe>(tools, server, spec, std::move(done));
    case CheckKind::icmp:
      return std::make_unique<IcmpProbe>(tools, server, spec, std::move(done));
    case CheckKind::exec:
      return std::make_unique<ExecProbe>(tools, server, spec, std::move(done));
  }
  return nullptr;
}

}  // namespace hapair::lbcore::health
