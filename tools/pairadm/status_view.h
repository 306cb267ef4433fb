// `pairadm status` from what the two daemons of this node said, or did not say: who is active,
// since when, why, is the peer ready, what is wrong. Pure. The peer's part is what it last told our
// lbcore over the pair link, with its age.
//
//   assess  answers -> StatusView     the judgement: every problem there is, worst first
//   status_text, status_json          the same view for people and for programs
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/role_text.h"
#include "common/schema/control.pb.h"
#include "common/schema/role.pb.h"

namespace hapair::pairadm {

/// What a daemon answered, or why it did not.
template <typename T>
struct Answer {
  std::optional<T> said;
  std::string silence;  // "lbcore is not running (no socket at /run/hapair/lbcore.sock)"
};

struct Answers {
  std::string host;  // names this node when no daemon does
  Answer<control::VrrpStatus> vrrpd;
  Answer<control::NodeStatus> lbcore;
};

/// A peer whose last word is older than this is not described in the present tense.
inline constexpr uint64_t kStaleMs = 3000;

struct Problem {
  std::string kind;  // stable, for programs: "lbcore_down", "server_down", ...
  std::string text;  // one line
};

struct NodeView {
  std::string name;
  bool own = false;
  bool known = false;              // anything at all was heard of it
  std::optional<uint64_t> age_ms;  // the peer: when it was last heard
  bool stale = false;
  std::string version;
  uint64_t uptime_ms = 0;
  std::string vrrpd;   // "running", "no answer", or what is wrong with it
  std::string lbcore;  // likewise
  std::vector<role::Router> routers;
  std::vector<control::VrrpRouter> details;   // of the same routers, as vrrpd itself told us
  std::optional<control::Demotion> demotion;  // an operator keeps it out
  std::optional<control::Sync> sync;          // absent when lbcore did not say
  std::optional<control::Orphans> orphans;    // absent without a peer
  std::vector<control::Service> services;
  uint32_t differences = 0;     // what runs and is not in the file
  std::string runtime_trouble;  // why the pair's runtime changes do not run there
};

struct StatusView {
  std::string summary;          // one line
  std::vector<NodeView> nodes;  // this node, then the peer
  std::vector<Problem> problems;

  [[nodiscard]] bool healthy() const { return problems.empty(); }
};

StatusView assess(const Answers& answers);

std::string status_text(const StatusView& view);
std::string status_json(const StatusView& view);

/// "TCP 10.0.0.100:80".
std::string service_text(const control::ServiceKey& key);
bool has_peer(const control::Sync& sync);

}  // namespace hapair::pairadm
