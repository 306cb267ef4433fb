// -S: the table as commands that -R reads: whatever pairadm can set, at its present value. What
// only the configuration file can say comes back from the file (lbcore/model/restore.h).
#include <string>

#include <fmt/format.h>

#include "tools/pairadm/listing.h"
#include "tools/pairadm/options.h"
#include "tools/pairadm/request.h"
#include "tools/pairadm/verbs.h"

namespace hapair::pairadm {

namespace {

std::string service_key_text(const control::Service& service) {
  const bool udp = service.key().protocol() == control::PROTOCOL_UDP;
  return fmt::format("-{} {}", udp ? 'u' : 't', service.key().listen());
}

}  // namespace

std::string saved(const control::Service& service) {
  std::string text = fmt::format("-A {} -s {}", service_key_text(service), service.scheduler());
  if (service.sticky_seconds() > 0)
    text += fmt::format(" -p {}{}", service.sticky_seconds(), mask_option(service));
  if (service.one_shot()) text += " -o";
  text += '\n';
  for (const auto& server : service.servers()) {
    text += fmt::format("-a {} -r {} -w {}", service_key_text(service), server.address(),
                        server.weight());
    if (server.max_connections() > 0) text += fmt::format(" -x {}", server.max_connections());
    if (server.min_connections() > 0) text += fmt::format(" -y {}", server.min_connections());
    if (!server.admin().empty() && server.admin() != "enabled")
      text += fmt::format(" --state {}", server.admin());
    text += '\n';
  }
  return text;
}

int run_save(const Invocation& in, Shell& shell) {
  control::Request request;
  request.mutable_list();
  const auto listing = fetch_listing(in, shell, request);
  if (!listing) return listing.error();
  std::string text;
  if (listing->has_timeouts()) {
    const control::Timeouts& timeouts = listing->timeouts();
    text = fmt::format("--set {} {} {}\n", timeouts.tcp(), timeouts.tcpfin(), timeouts.udp());
  }
  for (const auto& service : listing->services()) text += saved(service);
  shell.out << text;
  return kDone;
}

}  // namespace hapair::pairadm
