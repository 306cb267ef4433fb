#include "lbcore/relay/worker_pool.h"

#include <algorithm>
#include <iterator>

#include "lbcore/relay/kernel_pipes.h"
#include "lbcore/relay/socket.h"

namespace hapair::lbcore::relay {

namespace {

constexpr size_t kSlice = 256;         // connections that a worker looks at before it serves again
constexpr Duration kClosingTime = 5s;  // more than a worker needs to close a listener

}  // namespace

WorkerPool::WorkerPool(Logger& log, sticky::SessionStore& sessions, size_t workers,
                       size_t descriptor_limit, observe::AccessLog* access_log,
                       const LongLived::Tell& tell)
    : budget_(connections_within(descriptor_limit),
              KernelPipes::most_for(descriptor_limit, workers)),
      asked_at_(workers) {
  for (size_t i = 0; i < workers; ++i) {
    workers_.push_back(std::make_unique<Worker>(log, sessions, budget_, i, access_log, tell));
  }
}

bool WorkerPool::ours(const ListenKey& key, TimePoint now) const {
  const auto closed = closed_.find(key);
  if (closed != closed_.end() && now - closed->second < kClosingTime) return true;
  // 0.0.0.0:80 beside 10.0.0.100:80 is fine as long as both are ours.
  return std::ranges::any_of(listening_, [&](const ListenKey& other) {
    return other.first == key.first && other.second.port == key.second.port &&
           (other.second.ip.is_unspecified() || key.second.ip.is_unspecified());
  });
}

Status WorkerPool::open(const ListenKey& key, TimePoint now, Opened& opened) const {
  const auto open_all = key.first == Protocol::udp ? open_datagram_listeners : open_listeners;
  auto sockets = open_all(key.second, workers_.size(), ours(key, now));
  if (!sockets) return tl::unexpected(sockets.error());
  opened[key] = std::move(*sockets);
  return {};
}

void WorkerPool::publish(const std::shared_ptr<const Topology>& topology, Opened&& opened,
                         TimePoint now) {
  std::set<ListenKey> listening;
  for (const auto& service : topology->services) {
    const ListenKey key{service->spec.protocol, service->spec.listen};
    if (listening_.contains(key) || opened.contains(key)) listening.insert(key);
  }
  std::erase_if(closed_, [&](const auto& entry) { return now - entry.second >= kClosingTime; });
  for (const ListenKey& key : listening_) {
    if (!listening.contains(key)) closed_[key] = now;
  }
  listening_ = std::move(listening);

  std::vector<Worker::Sockets> shares(workers_.size());
  for (auto& [key, sockets] : opened) {
    for (size_t i = 0; i < sockets.size(); ++i) {
      shares[i % shares.size()][key].push_back(std::move(sockets[i]));
    }
  }
  for (size_t i = 0; i < workers_.size(); ++i) {
    workers_[i]->publish(topology, std::move(shares[i]));
  }
}

Status WorkerPool::complete(const ListenKey& key, std::vector<UniqueFd>& sockets) const {
  if (sockets.size() >= workers_.size()) return {};
  const auto open_all = key.first == Protocol::udp ? open_datagram_listeners : open_listeners;
  auto more = open_all(key.second, workers_.size() - sockets.size(), true);
  if (!more) return tl::unexpected(more.error());
  std::ranges::move(*more, std::back_inserter(sockets));
  return {};
}

void WorkerPool::share_sockets(EventLoop& main, std::function<void(Result<Opened> shared)> done) {
  struct Gathered {
    Result<Opened> shared;
    std::vector<Worker::Sockets> by_worker;
    size_t missing = 0;
    std::function<void(Result<Opened> shared)> done;
  };
  auto gathered = std::make_shared<Gathered>();
  gathered->by_worker.resize(workers_.size());
  gathered->missing = workers_.size();
  gathered->done = std::move(done);
  for (size_t i = 0; i < workers_.size(); ++i) {
    workers_[i]->share_sockets([&main, gathered, i](Result<Worker::Sockets> shared) {
      // A std::function must be copyable, a descriptor is not.
      auto sockets = std::make_shared<Result<Worker::Sockets>>(std::move(shared));
      main.post([gathered, sockets, i] {
        if (*sockets) {
          gathered->by_worker[i] = std::move(**sockets);
        } else {
          gathered->shared = tl::unexpected(sockets->error());
        }
        if (--gathered->missing > 0) return;
        for (auto& share : gathered->by_worker) {
          if (!gathered->shared) break;
          for (auto& [key, some] : share) {
            std::ranges::move(some, std::back_inserter((*gathered->shared)[key]));
          }
        }
        gathered->done(std::move(gathered->shared));
      });
    });
  }
}

bool WorkerPool::list_connections(EventLoop& main, OnSlice on_slice) {
  if (on_slice_) return false;
  on_slice_ = std::move(on_slice);
  list_next(main, 0, true);
  return true;
}

void WorkerPool::list_next(EventLoop& main, size_t worker, bool from_start) {
  workers_[worker]->list_connections(
      from_start, kSlice, [this, &main, worker](std::vector<ConnectionInfo> some, bool more) {
        main.post([this, &main, worker, more, some = std::move(some)] {
          const bool last = !more && worker + 1 == workers_.size();
          if (!on_slice_(some, last) || last) {
            on_slice_ = nullptr;
          } else if (more) {
            list_next(main, worker, false);
          } else {
            list_next(main, worker + 1, true);
          }
        });
      });
}

void WorkerPool::stop_accepting() {
  for (auto& worker : workers_) worker->stop_accepting();
}

void WorkerPool::leave_listeners() {
  for (auto& worker : workers_) worker->leave_listeners();
}

void WorkerPool::reset_connections() {
  for (auto& worker : workers_) worker->reset_connections();
}

void WorkerPool::ask() {
  for (auto& worker : workers_) worker->ask();
}

bool WorkerPool::answered() const {
  return std::ranges::all_of(workers_, [](const auto& worker) { return worker->answered(); });
}

bool WorkerPool::beat(TimePoint now) {
  bool all = true;
  for (size_t i = 0; i < workers_.size(); ++i) {
    if (workers_[i]->answered()) {
      workers_[i]->ask();
      asked_at_[i] = now;
    } else {
      all = false;
    }
  }
  return all;
}

std::optional<WorkerPool::Silent> WorkerPool::silent(TimePoint now, Duration patience) const {
  std::optional<Silent> longest;
  for (size_t i = 0; i < workers_.size(); ++i) {
    if (workers_[i]->answered()) continue;
    const Duration since = now - asked_at_[i];
    if (since > patience && (!longest || since > longest->since)) longest = Silent{i, since};
  }
  return longest;
}

}  // namespace hapair::lbcore::relay
