// A handover over all workers: asks each, and gathers on the main thread what they say.
#include <iterator>
#include <memory>
#include <utility>

#include "lbcore/relay/worker_pool.h"

namespace hapair::lbcore::relay {

namespace {

/// What the workers have said so far.
template <typename Answer>
struct Gathered {
  Answer all;
  size_t missing = 0;
  std::function<void(Answer)> done;
};

/// One worker's callback: passes its answer on to the main thread, where `join` adds it to all.
template <typename Answer, typename Join>
std::function<void(Answer)> gather(EventLoop& main,
                                   const std::shared_ptr<Gathered<Answer>>& gathered, Join join) {
  ++gathered->missing;
  return [&main, gathered, join](Answer answer) {
    main.post([gathered, join, answer = std::move(answer)]() mutable {
      join(gathered->all, std::move(answer));
      if (--gathered->missing == 0) gathered->done(std::move(gathered->all));
    });
  };
}

template <typename List>
void append(List& to, List&& from) {
  std::move(from.begin(), from.end(), std::back_inserter(to));
}

}  // namespace

void WorkerPool::quiesce(EventLoop& main, std::function<void()> done) {
  struct Quiet {};
  auto gathered = std::make_shared<Gathered<Quiet>>();
  gathered->done = [done = std::move(done)](Quiet) { done(); };
  for (auto& worker : workers_) {
    auto answer = gather(main, gathered, [](Quiet&, Quiet) {});
    worker->quiesce([answer] { answer({}); });
  }
}

void WorkerPool::resume() {
  for (auto& worker : workers_) worker->resume();
}

void WorkerPool::freeze(EventLoop& main, const Leaves& leaves, std::function<void(Frozen)> done) {
  auto gathered = std::make_shared<Gathered<Frozen>>();
  gathered->done = std::move(done);
  for (auto& worker : workers_) {
    worker->freeze(leaves, gather(main, gathered, [](Frozen& all, Frozen&& some) {
                     append(all.images, std::move(some.images));
                     all.moving += some.moving;
                     for (const auto& [reason, count] : some.left) all.left[reason] += count;
                   }));
  }
}

void WorkerPool::thaw() {
  for (auto& worker : workers_) worker->thaw();
}

void WorkerPool::discard_frozen() {
  for (auto& worker : workers_) worker->discard_frozen();
}

void WorkerPool::restore(EventLoop& main, std::vector<std::string> images,
                         std::function<void(Restored)> done) {
  std::vector<std::vector<std::string>> shares(workers_.size());
  for (size_t i = 0; i < images.size(); ++i) {
    shares[i % shares.size()].push_back(std::move(images[i]));
  }
  auto gathered = std::make_shared<Gathered<Restored>>();
  gathered->done = std::move(done);
  for (size_t i = 0; i < workers_.size(); ++i) {
    workers_[i]->restore(std::move(shares[i]),
                         gather(main, gathered, [](Restored& all, Restored&& some) {
                           all.restored += some.restored;
                           append(all.failures, std::move(some.failures));
                         }));
  }
}

void WorkerPool::revive() {
  for (auto& worker : workers_) worker->revive();
}

void WorkerPool::discard_restored() {
  for (auto& worker : workers_) worker->discard_restored();
}

}  // namespace hapair::lbcore::relay
