// The control API of lbcore: one request of pairadm in, one reply out. Checks size and sense, never
// trusts the bytes; who may connect at all is the socket's business (common/control_socket.h).
// Every change goes through Balancer::apply, the same door as a reload (DESIGN flow d). Main
// thread; called by lbcore's main per message.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "common/log.h"
#include "common/result.h"
#include "common/schema/control.pb.h"
#include "lbcore/door.h"
#include "lbcore/explain.h"
#include "lbcore/model/edit.h"
#include "lbcore/model/spec.h"
#include "lbcore/model/spec_diff.h"

namespace hapair::lbcore {

class ControlApi {
 public:
  /// A restored table of ten thousand servers; no other command comes near this.
  static constexpr size_t kMaxRequestBytes = size_t{1} << 20;

  using OnPage = std::function<bool(control::ConnectionPage page)>;

  using OnUpgraded = std::function<void(Result<control::Upgraded> outcome)>;
  using OnReply = std::function<void(control::Reply reply)>;

  /// What is asked of the Balancer; tests bring their own.
  struct Backend {
    std::function<const Spec&()> spec;
    std::function<Status(const Spec&)> apply;
    /// Where a change is to be made; when it is the peer, `ask_peer` has it made there.
    std::function<Door()> door = {};
    std::function<void(const std::string& from, std::string request, Duration patience,
                       std::function<void(Result<std::string> reply)> done)>
        ask_peer = {};
    std::function<control::Differences()> differences = {};
    std::function<control::NodeStatus()> status;
    std::function<control::Listing(bool latency)> listing;
    std::function<bool(const ListenKey* only)> zero;
    /// False: another one is under way.
    std::function<bool(std::optional<ListenKey> only, OnPage on_page)> connections;
    std::function<tl::expected<control::Explanation, ExplainError>(const control::ExplainRequest&)>
        explain;
    std::function<const Spec&()> file;  // the configuration file as it was last taken
    /// `done` once, now or later.
    std::function<void(const std::string& by, uid_t caller, OnUpgraded done)> upgrade;
    /// The peer's configuration file is to be ours: `done` once, now or later.
    std::function<void(const control::PushConfig& push, OnReply done)> take_config = {};
  };

  ControlApi(Logger& log, Backend backend) : log_(log), backend_(std::move(backend)) {}

  /// Replies that come later; false: nobody reads them any more.
  using Respond = std::function<bool(const std::string& reply)>;
  /// Bytes of a control::Request -> bytes of a control::Reply, or nothing: then `later` gets them.
  /// `caller` is named in the log.
  std::optional<std::string> handle(std::string_view request, uid_t caller, const Respond& later);
  /// Bytes of a control::Request that the peer passes on; `respond` gets those of a control::Reply.
  /// Never passed on again.
  void handle_peers(const std::string& from, const std::string& request,
                    const std::function<void(std::string reply)>& respond);

 private:
  control::Reply answer(const control::Request& request, const std::string& caller);
  control::Reply list(const control::ListRequest& request);
  /// The refusal; nothing when pages are on their way.
  std::optional<control::Reply> connections(const control::ConnectionsRequest& request,
                                            const Respond& later);
  void upgrade(const control::UpgradeRequest& request, uid_t caller, const Respond& later);
  /// Nothing: the peer was asked, or is about to be.
  std::optional<control::Reply> change(const control::Request& request, const std::string& caller,
                                       const Respond& later);
  std::optional<control::Reply> push_config(control::Request& request, const Respond& later);
  void ask_peer(const std::string& from, std::string request, Duration patience,
                const Respond& later);
  control::Reply zero(const control::ZeroRequest& request, const std::string& caller);
  control::Reply change_here(const control::Request& request, const std::string& caller);
  control::Reply restore_table(const control::RestoreTable& request, const std::string& caller);
  control::Reply apply(const Edited& edited, const std::string& caller);

  Logger& log_;
  Backend backend_;
};

/// Backend of anything with Balancer's functions; `balancer` must outlive the ControlApi; `file` is
/// the configuration file's Spec.
template <typename B>
ControlApi::Backend backend_of(B& balancer, std::function<const Spec&()> file) {
  ControlApi::Backend out{
      .spec = [&balancer]() -> const Spec& { return balancer.spec(); },
      .apply = [&balancer](const Spec& spec) { return balancer.change(spec); },
      .door = [&balancer] { return balancer.door(); },
      .ask_peer = {},
      .differences = [&balancer] { return balancer.differences(); },
      .status = [&balancer] { return balancer.status(); },
      .listing = [&balancer](bool latency) { return balancer.listing(latency); },
      .zero = [&balancer](const ListenKey* only) { return balancer.zero_counters(only); },
      .connections =
          [&balancer](std::optional<ListenKey> only, ControlApi::OnPage on_page) {
            return balancer.list_connections(only, std::move(on_page));
          },
      .explain =
          [&balancer](const control::ExplainRequest& request) { return balancer.explain(request); },
      .file = {},
      .upgrade = {},
      .take_config = {}};
  out.file = std::move(file);
  return out;
}

}  // namespace hapair::lbcore
