#include "lbcore/health/dns_probe.h"

#include "lbcore/health/dns_message.h"

namespace hapair::lbcore::health {

std::string DnsProbe::question() {
  query_ = dns_query(static_cast<uint16_t>(ids_()), spec().query,
                     static_cast<uint16_t>(spec().query_type));
  return query_;
}

void DnsProbe::on_datagram(std::string_view bytes) {
  const DnsAnswer answer = read_dns_answer(bytes, query_);
  switch (answer.state) {
    case DnsAnswer::State::foreign:
      return;
    case DnsAnswer::State::malformed:
      return finish(ProbeCode::l7rsp, "the answer is malformed");
    case DnsAnswer::State::answered:
      break;
  }
  if (answer.rcode != 0) return finish(ProbeCode::l7sts, dns_rcode_name(answer.rcode));
  if (answer.records == 0) return finish(ProbeCode::l7sts, "NOERROR without a record of the type");
  finish(ProbeCode::l7ok, "NOERROR");
}

}  // namespace hapair::lbcore::health
