#include "lbcore/relay/udp_relay.h"

#include <algorithm>
#include <utility>

#include "lbcore/relay/socket.h"
#include "lbcore/relay/worker.h"

namespace hapair::lbcore::relay {

UdpRelay::UdpRelay(Worker& worker, Logger& log, ConnectionBudget& budget)
    : worker_(worker), log_(log), budget_(budget) {}

UdpRelay::~UdpRelay() {
  end_all();
}

void UdpRelay::take(const Topology& topology, std::map<ListenKey, std::vector<UniqueFd>>& opened) {
  std::multimap<ListenKey, std::unique_ptr<UdpListener>> kept;
  for (const auto& service : topology.services) {
    const ListenKey key{service->spec.protocol, service->spec.listen};
    if (key.first != Protocol::udp) continue;
    if (const auto is_new = opened.find(key); is_new != opened.end()) {
      if (!buffers_) buffers_.emplace();
      for (UniqueFd& fd : is_new->second) {
        auto listener = std::make_unique<UdpListener>(*this, std::move(fd), service);
        listener->start();
        kept.emplace(key, std::move(listener));
      }
      opened.erase(is_new);
      continue;
    }
    const auto [first, last] = listeners_.equal_range(key);
    for (auto has = first; has != last; ++has) {
      has->second->set_service(service);
      kept.emplace(key, std::move(has->second));
    }
    listeners_.erase(first, last);
  }
  stop();
  listeners_ = std::move(kept);
}

void UdpRelay::stop() {
  for (auto& [key, listener] : listeners_) {
    listener->close_gently();
    closing_.push_back(std::move(listener));
  }
  listeners_.clear();
}

void UdpRelay::leave() {
  for (auto& [key, listener] : listeners_) {
    listener->close_gently();
    listener->stop_reading();
    closing_.push_back(std::move(listener));
  }
  listeners_.clear();
}

Status UdpRelay::share_sockets(std::map<ListenKey, std::vector<UniqueFd>>& out) const {
  for (const auto& [key, listener] : listeners_) {
    UniqueFd fd = duplicate(listener->fd());
    if (!fd) return fail_system("duplicate a listening socket");
    out[key].push_back(std::move(fd));
  }
  return {};
}

void UdpRelay::end_all() {
  if (buffers_) buffers_->replies.flush();
  listeners_.clear();
  closing_.clear();
  retired_.clear();
}

bool UdpRelay::may_open() {
  if (budget_.take_flow()) return true;
  if (crowded_lines_.allow(worker_.loop().now())) {
    log_.environment("relay",
                     "{} UDP flows are open, as many as the limit of descriptors allows: each new "
                     "one ends the one that was unused for longest",
                     budget_.flows());
  }
  // Another worker may be quicker to take what was given back.
  return make_room() && budget_.take_flow();
}

bool UdpRelay::make_room(const UdpFlow* spared) {
  UdpListener* crowded = nullptr;
  for (const auto& [key, listener] : listeners_) {
    if (crowded == nullptr || listener->flows() > crowded->flows()) crowded = listener.get();
  }
  return crowded != nullptr && crowded->end_oldest(spared, observe::EndedBy::resource);
}

void UdpRelay::opened(UdpFlow& flow) {
  flow.next = open_;
  if (open_ != nullptr) open_->previous = &flow;
  open_ = &flow;
}

bool UdpRelay::list(std::vector<ConnectionInfo>& some, size_t most) {
  for (; walk_ != nullptr && some.size() < most; walk_ = walk_->next) {
    some.push_back(walk_->info());
  }
  return walk_ != nullptr;
}

void UdpRelay::retire(std::unique_ptr<UdpFlow> flow) {
  if (flow->previous != nullptr) flow->previous->next = flow->next;
  if (flow->next != nullptr) flow->next->previous = flow->previous;
  if (open_ == flow.get()) open_ = flow->next;
  if (walk_ == flow.get()) walk_ = flow->next;
  retired_.push_back(std::move(flow));
  budget_.give_back_flow();
}

void UdpRelay::settle() {
  buffers_->replies.flush();
  retired_.clear();
  if (closing_.empty()) return;
  std::erase_if(closing_, [](const auto& listener) { return listener->over(); });
}

}  // namespace hapair::lbcore::relay
