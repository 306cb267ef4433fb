// A network namespace that lives exactly as long as its object. It has no name in the file system:
// a descriptor keeps it alive, so that it is gone as well when the test is killed. What still runs
// in it at the end is killed (only programs that a test started can be inside). Look into one from
// a shell while a test runs with `nsenter --net=/proc/PID/fd/N`; path() is that path.
#pragma once

#include <chrono>
#include <functional>
#include <future>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <vector>

#include "common/unique_fd.h"

namespace hapair::test {

struct Finished;

class Namespace {
 public:
  /// `name` is for messages only. Loopback is up; IPv6 addresses are usable at once (no duplicate
  /// address detection). Throws std::system_error without root.
  explicit Namespace(std::string name);
  ~Namespace();
  Namespace(Namespace&&) noexcept = default;
  Namespace& operator=(Namespace&&) = delete;
  Namespace(const Namespace&) = delete;
  Namespace& operator=(const Namespace&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] int fd() const { return fd_.get(); }
  /// "/proc/PID/fd/N": what `ip link ... netns` and nsenter take.
  [[nodiscard]] std::string path() const;

  /// Moves the calling thread into the namespace, for good. Throws std::system_error.
  void enter() const;
  /// Runs `function` on a thread of its own inside the namespace and returns what it returns (or
  /// throws).
  template <typename F>
  auto run(F&& function) const -> std::invoke_result_t<F&> {
    std::packaged_task<std::invoke_result_t<F&>()> task([&] {
      enter();
      return function();
    });
    auto result = task.get_future();
    std::thread(std::move(task)).join();
    return result.get();
  }

  /// Runs a program inside to its end (10 s at most); `exec` throws when it fails, with what it
  /// wrote to stderr.
  std::string exec(const std::vector<std::string>& argv) const;
  Finished try_exec(const std::vector<std::string>& argv) const;
  /// `ip` with these words, split at spaces: ip("link set eth0 up"). Throws on failure.
  std::string ip(std::string_view words) const;
  /// Many `ip` commands in one process, one per line.
  void ip_batch(std::string_view lines) const;
  /// An nftables script, read by `nft -f -`.
  void nft(std::string_view script) const;
  /// Writes /proc/sys/net/<key>, with dots or slashes: sysctl("ipv4.ip_forward", "1").
  void sysctl(std::string_view key, std::string_view value) const;

  /// Whether any interface carries this address (without prefix length), read from the kernel in
  /// about 0.1 ms.
  [[nodiscard]] bool has_address(std::string_view address) const;
  /// All addresses except loopback's and link-local ones, sorted.
  [[nodiscard]] std::vector<std::string> addresses() const;
  /// "02:..", the MAC address of an interface.
  [[nodiscard]] std::string mac(std::string_view interface) const;
  /// Ids of the processes inside, this process excluded.
  [[nodiscard]] std::vector<int> processes() const;

 private:
  std::string name_;
  UniqueFd fd_;
};

/// Drops a share of what arrives at `interface` of `in`, in thousandths, until destroyed. Put it on
/// a switch port's side to lose what a node sends, on the node's side to lose what it receives.
class Loss {
 public:
  Loss(const Namespace& in, std::string interface, int per_mille);
  ~Loss();
  Loss(const Loss&) = delete;
  Loss& operator=(const Loss&) = delete;

 private:
  const Namespace& in_;
  std::string table_;
};

}  // namespace hapair::test
