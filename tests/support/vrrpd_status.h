// What `pairadm status` asks vrrpd for, as it comes over the socket.
#pragma once

#include <string>
#include <string_view>

#include "common/control_socket.h"
#include "common/schema/control.pb.h"

namespace hapair::test {

/// Empty when vrrpd does not answer (yet).
inline control::VrrpStatus vrrpd_status(const std::string& run_dir) {
  control::Request request;
  request.mutable_status();
  auto client = ControlClient::connect(run_dir + "/vrrpd.sock");
  if (!client || !client->send(request.SerializeAsString(), 2s)) return {};
  const auto answer = client->receive(2s);
  control::Reply reply;
  if (!answer || !reply.ParseFromString(*answer)) return {};
  return reply.vrrp();
}

/// One router of it; an empty one when there is none of that name (yet).
inline control::VrrpRouter vrrpd_router(const std::string& run_dir, std::string_view name) {
  const control::VrrpStatus all = vrrpd_status(run_dir);
  for (const auto& router : all.routers()) {
    if (router.router().name() == name) return router;
  }
  return {};
}

}  // namespace hapair::test
