// An event loop on a thread of its own, in a namespace: what many clients of a test live on.
#pragma once

#include <functional>
#include <future>
#include <memory>
#include <thread>
#include <type_traits>
#include <utility>

#include "common/event_loop.h"
#include "tests/support/namespace.h"

namespace hapair::test {

class LoopThread {
 public:
  /// Runs `begin` in `from`'s namespace before the loop turns, and `end` when it has stopped. What
  /// `begin` makes is there when this returns, and `from` may go.
  LoopThread(const Namespace& from, std::function<void(EventLoop& loop)> begin,
             std::function<void()> end) {
    thread_ = std::thread([this, &from, begin = std::move(begin), end = std::move(end)] {
      from.enter();
      begin(*loop_);
      loop_->run();
      end();
    });
    ask([] {});
  }
  ~LoopThread() {
    loop_->post([this] { loop_->stop(); });
    thread_.join();
  }
  LoopThread(const LoopThread&) = delete;
  LoopThread& operator=(const LoopThread&) = delete;

  /// Runs `function` on the loop's thread and returns what it returns.
  template <typename F>
  std::invoke_result_t<F> ask(F function) {
    std::promise<std::invoke_result_t<F>> promise;
    auto result = promise.get_future();
    loop_->post([&] {
      if constexpr (std::is_void_v<std::invoke_result_t<F>>) {
        function();
        promise.set_value();
      } else {
        promise.set_value(function());
      }
    });
    return result.get();
  }

 private:
  std::unique_ptr<EventLoop> loop_ = std::make_unique<EventLoop>();
  std::thread thread_;
};

}  // namespace hapair::test
