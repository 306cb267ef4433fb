// The control API of lbcore: one request of pairadm in, one reply out. Checks size and sense, never
// trusts the bytes; who may connect at all is the socket's business (common/control_socket.h).
// Every change goes through Balancer::apply, the same door as a reload (DESIGN flow d). Main
// thread; called by lbcore's main per message.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "common/log.h"
#include "common/result.h"
#include "common/schema/control.pb.h"
#include "lbcore/model/spec.h"

namespace hapair::lbcore {

class ControlApi {
 public:
  /// No command of pairadm comes near this.
  static constexpr size_t kMaxRequestBytes = size_t{64} << 10;

  /// What is asked of the Balancer; tests bring their own.
  struct Backend {
    std::function<const Spec&()> spec;
    std::function<Status(const Spec&)> apply;
    std::function<control::NodeStatus()> status;
    std::function<control::Listing()> listing;
  };

  ControlApi(Logger& log, Backend backend) : log_(log), backend_(std::move(backend)) {}

  /// Bytes of a control::Request -> bytes of a control::Reply, always. `caller` is named in the
  /// log.
  std::string handle(std::string_view request, uid_t caller);

 private:
  control::Reply answer(const control::Request& request, uid_t caller);
  control::Reply list(const control::ListRequest& request);
  control::Reply change(const control::Request& request, uid_t caller);

  Logger& log_;
  Backend backend_;
};

/// Backend of anything with Balancer's functions; `balancer` must outlive the ControlApi.
template <typename B>
ControlApi::Backend backend_of(B& balancer) {
  return {.spec = [&balancer]() -> const Spec& { return balancer.spec(); },
          .apply = [&balancer](const Spec& spec) { return balancer.apply(spec); },
          .status = [&balancer] { return balancer.status(); },
          .listing = [&balancer] { return balancer.listing(); }};
}

}  // namespace hapair::lbcore
