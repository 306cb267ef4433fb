// The server behind every contender: one thread that answers each request with 128 bytes, over TCP
// or UDP, or sends without end once it was asked to.
#pragma once

#include <thread>
#include <vector>

#include "common/unique_fd.h"
#include "tests/support/namespace.h"

namespace hapair::test::bench {

inline constexpr size_t kAnswerBytes = 128;

class Backend {
 public:
  static constexpr uint16_t kAnswers = 9000;
  static constexpr uint16_t kBulk = 9001;
  static constexpr uint16_t kDatagrams = 9002;

  /// Listens on these ports of every address of `inside` when it returns; its thread runs on
  /// `processors`.
  Backend(const Namespace& inside, const std::vector<int>& processors);
  ~Backend();
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;

 private:
  void serve();

  UniqueFd epoll_;
  UniqueFd answers_;
  UniqueFd bulk_;
  UniqueFd datagrams_;
  UniqueFd end_;  // eventfd
  std::thread thread_;
};

}  // namespace hapair::test::bench
