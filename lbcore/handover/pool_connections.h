// The workers' connections, as a handover sees them.
#pragma once

#include <memory>
#include <utility>

#include "common/event_loop.h"
#include "lbcore/handover/connections.h"
#include "lbcore/relay/worker_pool.h"

namespace hapair::lbcore::handover {

class PoolConnections : public Connections {
 public:
  PoolConnections(EventLoop& loop, relay::WorkerPool& pool) : loop_(loop), pool_(pool) {}

  [[nodiscard]] size_t open() const override { return pool_.open_connections(); }
  void quiesce(std::function<void()> done) override { pool_.quiesce(loop_, std::move(done)); }
  void resume() override { pool_.resume(); }
  void freeze(std::set<IpAddress> vips, std::function<void(Frozen)> done) override {
    auto leaves = [vips = std::move(vips)](const ListenKey&, const IpAddress& vip) {
      return vips.contains(vip);
    };
    pool_.freeze(loop_, std::move(leaves), [done = std::move(done)](relay::Frozen frozen) {
      done({.images = std::move(frozen.images), .left = std::move(frozen.left)});
    });
  }
  void thaw() override { pool_.thaw(); }
  void discard_frozen() override { pool_.discard_frozen(); }
  void restore(std::vector<std::string> images, std::function<void(Restored)> done) override {
    pool_.restore(loop_, std::move(images), [done = std::move(done)](relay::Restored restored) {
      done({.connections = restored.restored, .failures = std::move(restored.failures)});
    });
  }
  void revive() override { pool_.revive(); }
  void discard_restored() override { pool_.discard_restored(); }

 private:
  EventLoop& loop_;
  relay::WorkerPool& pool_;
};

}  // namespace hapair::lbcore::handover
