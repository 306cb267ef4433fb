#include "vrrpd/operate/demotion_keeper.h"

#include <utility>

#include "vrrpd/operate/demotion_file.h"

namespace hapair::vrrp {

DemotionKeeper::DemotionKeeper(EventLoop& loop, std::string state_dir)
    : loop_(loop), state_dir_(std::move(state_dir)) {}

DemotionKeeper::~DemotionKeeper() {
  if (!writer_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_one();
  writer_.join();
}

void DemotionKeeper::keep(std::optional<Demotion> demotion,
                          std::function<void(const Status&)> done) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back({.demotion = std::move(demotion), .done = std::move(done)});
  }
  wake_.notify_one();
  if (!writer_.joinable()) writer_ = std::thread([this] { work(); });
}

void DemotionKeeper::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return ending_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    const Job job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    const Status kept = write_demotion(state_dir_, job.demotion);
    loop_.post([kept, done = job.done] { done(kept); });
    lock.lock();
  }
}

}  // namespace hapair::vrrp
