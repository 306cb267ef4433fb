// A handover without loss as the speaker sees it: between `Handover`, which decides, the routers,
// lbcore and those who want to know.
#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/units.h"
#include "vrrpd/speaker/speaker.h"
#include "vrrpd/wire/packet.h"

namespace hapair::vrrp {

namespace {

/// Larger than any that this node has given before, in whatever life.
uint64_t next_number(uint64_t last) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::max(last + 1, static_cast<uint64_t>(now / 1us));
}

std::string summary(const Handover::Report& report) {
  std::string out =
      fmt::format("handover {}: {}", report.to_peer ? "to the peer" : "to this node", report.step);
  if (!report.reason.empty()) out += ", " + report.reason;
  uint64_t cut = 0;
  for (const auto& [why, count] : report.moved.cut()) cut += count;
  out += fmt::format("; connections moved {}, drained {}, cut {}", report.moved.moved(),
                     report.moved.drained(), cut);
  if (report.moved.dark_us() > 0) {
    out += fmt::format("; VIPs dark for {:.1f} ms",
                       static_cast<double>(report.moved.dark_us()) / 1000.0);
  }
  return out;
}

}  // namespace

// --- Beginning -----------------------------------------------------------------------------------

std::vector<std::string> Speaker::with_their_groups(std::vector<std::string> routers) const {
  for (const auto& [name, instance] : instances_) {
    const std::string& group = instance->config().group;
    if (group.empty() || instance->role() != Role::active) continue;
    const bool moves = std::any_of(routers.begin(), routers.end(), [&](const std::string& router) {
      const auto at = instances_.find(router);
      return at != instances_.end() && at->second->config().group == group;
    });
    if (moves && std::find(routers.begin(), routers.end(), name) == routers.end()) {
      routers.push_back(name);
    }
  }
  return routers;
}

/// Whether they could resign: what no readiness of the peer changes.
Status Speaker::may_resign(const std::vector<std::string>& routers) const {
  for (const std::string& name : routers) {
    const Instance& router = *instances_.at(name);
    if (router.role() != Role::active) {
      return fail("{}: {} is {} here", name, name, vrrp::name(router.role()));
    }
    if (router.config().parameters.priority == kOwnerPriority) {
      return fail("{}: the owner (priority 255) would take the role right back", name);
    }
  }
  return {};
}

Status Speaker::may_hand_over(const std::vector<std::string>& routers) const {
  if (Status may = may_resign(routers); !may) return may;
  for (const std::string& name : routers) {
    if (const std::string why = why_peer_cannot_take(name); !why.empty()) {
      return fail("{}: {}", name, why);
    }
  }
  return {};
}

Status Speaker::hand_over(const std::vector<std::string>& routers, const std::string& reason) {
  if (handover_.under_way()) {
    const bool same = std::all_of(routers.begin(), routers.end(), [this](const std::string& name) {
      return handover_.includes(name);
    });
    return same ? Status() : fail("another handover is under way");
  }
  const std::vector<std::string> names = with_their_groups(routers);
  if (Status may = may_hand_over(names); !may) return may;
  if (!lbcore_.lease().hands_over()) {
    for (const std::string& name : names) instances_.at(name)->hand_over(reason);
    return {};
  }
  Handover::Routers which;
  for (Handover::Router& router : routers_now()) {
    const bool goes = std::find(names.begin(), names.end(), router.name) != names.end();
    if (goes) which.push_back(std::move(router));
  }
  handover_number_ = next_number(handover_number_);
  carry_out(handover_.begin(handover_number_, which, reason, loop_.now()));
  return {};
}

// --- Under way -----------------------------------------------------------------------------------

Handover::Routers Speaker::routers_now() const {
  Handover::Routers out;
  for (const auto& [name, instance] : instances_) {
    Handover::Router& router =
        out.emplace_back(Handover::Router{.name = name,
                                          .role = instance->role(),
                                          .away = instance->fsm().away(),
                                          .adopting = instance->fsm().adopting(),
                                          .adopted = instance->adopted(),
                                          .trouble = instance->fsm().own_trouble()});
    if (stopping_ || instance->leaving()) router.trouble = "it stops";
    for (const Prefix& vip : instance->config().all_addresses()) {
      router.addresses.push_back(vip.ip.to_string());
    }
  }
  return out;
}

void Speaker::on_handover_word(const role::Handover* word) {
  const bool nothing = word == nullptr && handover_.word().step() == role::Handover::NONE;
  if (!nothing) carry_out(handover_.heard(word, routers_now(), loop_.now()));
}

/// The orders of a handover are one step: what they change counts when all of them are done.
void Speaker::on_role_change() {
  if (carrying_out_) return;
  if (handover_.under_way()) {
    carry_out(handover_.changed(routers_now(), loop_.now()));
  } else {
    tell_role();
  }
}

void Speaker::carry_out(Handover::Orders orders) {
  std::move(orders.begin(), orders.end(), std::back_inserter(handover_orders_));
  if (std::exchange(carrying_out_, true)) return;
  do {
    while (!handover_orders_.empty()) {
      const Handover::Order order = std::move(handover_orders_.front());
      handover_orders_.pop_front();
      const auto at = instances_.find(order.router);
      if (at != instances_.end()) at->second->on_handover(order.event);
    }
    auto more = handover_.changed(routers_now(), loop_.now());
    std::move(more.begin(), more.end(), std::back_inserter(handover_orders_));
  } while (!handover_orders_.empty());
  carrying_out_ = false;
  if (const auto at = handover_.deadline()) {
    handover_due_.arm(*at);
  } else {
    handover_due_.disarm();
  }
  tell_role();
  tell_handover();
}

// --- For people ----------------------------------------------------------------------------------

void Speaker::tell_handover() {
  const auto& report = handover_.report();
  if (!report || !report->finished || report->number == handover_told_) return;
  handover_told_ = report->number;
  tell_operation(fmt::format("{}", fmt::join(report->routers, ", ")), summary(*report));
}

void Speaker::write(control::HandoverReport& out) const {
  const Handover::Report& report = *handover_.report();
  out.set_number(report.number);
  for (const std::string& router : report.routers) out.add_routers(router);
  out.set_to_peer(report.to_peer);
  out.set_step(report.step);
  out.set_finished(report.finished);
  out.set_failed(report.failed);
  out.set_reason(report.reason);
  *out.mutable_moved() = report.moved;
  const TimePoint now = loop_.now();
  const TimePoint until = report.finished ? report.ended : now;
  out.set_took_us(static_cast<uint64_t>((until - report.began) / 1us));
  if (report.finished) out.set_ended_ms(static_cast<uint64_t>((now - report.ended) / 1ms));
}

}  // namespace hapair::vrrp
