#include "lbcore/relay/relay_pipe.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <xxhash.h>

#include "common/unique_fd.h"

namespace hapair::lbcore::relay {
namespace {

struct Pair {
  UniqueFd outer;  // the test's end
  UniqueFd inner;  // the pipe's end
};

Pair stream_pair() {
  std::array<int, 2> fds{};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds.data()), 0);
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

class RelayPipeTest : public ::testing::Test {
 protected:
  RelayPipe::Moved pump() { return pipe.pump(from.inner.get(), to.inner.get(), scratch); }
  RelayPipe::Moved flush() { return pipe.flush(to.inner.get()); }
  void write(const std::string& text) {
    ASSERT_EQ(::send(from.outer.get(), text.data(), text.size(), 0),
              static_cast<ssize_t>(text.size()));
  }
  /// What has arrived: text, "" for nothing, "EOF".
  std::string read() {
    std::array<char, 1024> buffer{};
    const ssize_t got = ::recv(to.outer.get(), buffer.data(), buffer.size(), 0);
    if (got == 0) return "EOF";
    return got < 0 ? "" : std::string(buffer.data(), static_cast<size_t>(got));
  }

  Pair from = stream_pair();
  Pair to = stream_pair();
  KernelPipes kernel_pipes{1};
  RelayPipe pipe{kernel_pipes};
  std::vector<char> scratch = std::vector<char>(65536);
};

TEST_F(RelayPipeTest, BytesGoStraightThrough) {
  write("hello");
  EXPECT_EQ(pump().bytes, 5U);
  EXPECT_EQ(read(), "hello");
  EXPECT_EQ(pipe.state(), RelayPipe::State::open);
}

TEST_F(RelayPipeTest, WhatIsCollectedGoesOutBehindItsPrefixOnceThereIsASink) {
  write("request");
  scratch[0] = 'h';
  EXPECT_EQ(pipe.collect(from.inner.get(), scratch, 1).bytes, 7U);
  EXPECT_EQ(pipe.state(), RelayPipe::State::blocked);
  EXPECT_EQ(pipe.offer(to.inner.get()), 0);
  EXPECT_EQ(pipe.state(), RelayPipe::State::open);
  EXPECT_EQ(read(), "hrequest");
  write("more");
  EXPECT_EQ(pump().bytes, 4U);
  EXPECT_EQ(read(), "more");
}

TEST_F(RelayPipeTest, WhatOneSinkRefusesIsThereForTheNext) {
  write("request");
  pipe.collect(from.inner.get(), scratch, 0);
  const Pair dead = stream_pair();
  ::shutdown(dead.inner.get(), SHUT_WR);
  EXPECT_EQ(pipe.offer(dead.inner.get()), EPIPE);
  EXPECT_EQ(pipe.state(), RelayPipe::State::blocked);
  EXPECT_EQ(pipe.offer(to.inner.get()), 0);
  EXPECT_EQ(read(), "request");
}

TEST_F(RelayPipeTest, CollectingFromASourceThatIsSilentOrAtItsEndHoldsNothing) {
  EXPECT_EQ(pipe.collect(from.inner.get(), scratch, 0).bytes, 0U);
  EXPECT_EQ(pipe.state(), RelayPipe::State::open);
  from.outer.reset();
  EXPECT_EQ(pipe.collect(from.inner.get(), scratch, 0).bytes, 0U);
  EXPECT_EQ(pipe.state(), RelayPipe::State::open);
  pump();
  EXPECT_EQ(pipe.state(), RelayPipe::State::ended);
}

TEST_F(RelayPipeTest, NothingToReadIsNoError) {
  const auto moved = pump();
  EXPECT_EQ(moved.bytes, 0U);
  EXPECT_EQ(moved.error, 0);
  EXPECT_EQ(pipe.state(), RelayPipe::State::open);
}

TEST_F(RelayPipeTest, TheEndOfTheSourceIsForwardedWhenAsked) {
  write("last");
  ::shutdown(from.outer.get(), SHUT_WR);
  pump();
  EXPECT_EQ(pipe.state(), RelayPipe::State::open);
  pump();
  EXPECT_EQ(pipe.state(), RelayPipe::State::ended);
  EXPECT_EQ(read(), "last");
  EXPECT_EQ(read(), "") << "the end is not forwarded yet";
  pipe.finish(to.inner.get());
  EXPECT_EQ(pipe.state(), RelayPipe::State::finished);
  EXPECT_EQ(read(), "EOF");
}

TEST_F(RelayPipeTest, ADeadSinkBreaksIt) {
  to.outer.reset();
  write("into the void");
  EXPECT_EQ(pump().error, EPIPE);
  EXPECT_TRUE(pipe.sink_failed());
  EXPECT_FALSE(pipe.source_failed());
}

TEST_F(RelayPipeTest, ADeadSourceBreaksIt) {
  // Closing a Unix socket that has unread bytes resets its peer.
  ASSERT_EQ(::send(from.inner.get(), "x", 1, 0), 1);
  from.outer.reset();
  EXPECT_EQ(pump().error, ECONNRESET);
  EXPECT_TRUE(pipe.source_failed());
}

TEST_F(RelayPipeTest, ASinkThatDiesWhileBlockedBreaksIt) {
  const std::string chunk(4096, 'x');
  while (pipe.state() == RelayPipe::State::open) {
    ::send(from.outer.get(), chunk.data(), chunk.size(), 0);
    pump();
  }
  ASSERT_EQ(pipe.state(), RelayPipe::State::blocked);
  to.outer.reset();
  EXPECT_EQ(flush().error, EPIPE);
  EXPECT_TRUE(pipe.sink_failed());
}

/// One that is no more than a socket's buffer ahead of its reader.
class LongStream : public RelayPipeTest {
 protected:
  void SetUp() override { std::signal(SIGPIPE, SIG_IGN); }  // as lbcore does
  void TearDown() override { std::signal(SIGPIPE, SIG_DFL); }
  /// Fills the source, moves what is there, empties the sink.
  RelayPipe::Moved stream() {
    while (::send(from.outer.get(), chunk_.data(), chunk_.size(), MSG_DONTWAIT) > 0) {
    }
    auto moved = pump();
    std::vector<char> taken(size_t{1} << 20);
    do {
      while (::recv(to.outer.get(), taken.data(), taken.size(), 0) > 0) {
      }
      if (pipe.state() == RelayPipe::State::blocked) flush();
    } while (pipe.state() == RelayPipe::State::blocked);
    return moved;
  }
  void become_long() {
    for (int i = 0; i < 8 && !pipe.spliced(); ++i) stream();
  }

 private:
  std::string chunk_ = std::string(16384, 'x');
};

TEST_F(LongStream, IsSplicedUntilLittleComes) {
  stream();
  EXPECT_FALSE(pipe.spliced()) << "one large answer is no long stream";
  become_long();
  ASSERT_TRUE(pipe.spliced());
  EXPECT_GT(stream().bytes, scratch.size() / 2);
  while (pump().bytes > 0) flush();
  EXPECT_FALSE(pipe.spliced());
  write("little");
  EXPECT_EQ(pump().bytes, 6U);
}

TEST_F(LongStream, CopiesWhenAllKernelPipesAreInUse) {
  const auto taken = kernel_pipes.take();
  become_long();
  EXPECT_FALSE(pipe.spliced());
  EXPECT_GT(stream().bytes, 0U);
}

TEST_F(LongStream, GivesItsKernelPipeBackAtItsEnd) {
  become_long();
  ASSERT_TRUE(pipe.spliced());
  ::shutdown(from.outer.get(), SHUT_WR);
  while (pipe.state() != RelayPipe::State::ended) {
    stream();
  }
  EXPECT_FALSE(pipe.spliced());
  EXPECT_NE(kernel_pipes.take(), nullptr);
}

TEST_F(LongStream, WhatTheKernelsPipeHoldsCanBeCopiedAndStillGoesItsWay) {
  become_long();
  ASSERT_TRUE(pipe.spliced());
  std::string said;
  std::string block;
  while (block.size() < 16384) block += std::to_string(block.size()) + "\n";
  while (pipe.state() == RelayPipe::State::open) {
    while (::send(from.outer.get(), block.data(), block.size(), MSG_DONTWAIT) ==
           static_cast<ssize_t>(block.size())) {
      said += block;
    }
    pump();
  }
  ASSERT_TRUE(pipe.spliced());
  std::string copied;
  ASSERT_TRUE(pipe.copy_held(copied));
  EXPECT_FALSE(copied.empty());
  EXPECT_FALSE(pipe.spliced());
  EXPECT_NE(kernel_pipes.take(), nullptr);

  std::string heard;
  while (pipe.state() == RelayPipe::State::blocked) {
    for (std::string some = read(); !some.empty(); some = read()) heard += some;
    flush();
  }
  for (std::string some = read(); !some.empty(); some = read()) heard += some;
  EXPECT_TRUE(said.starts_with(heard));
  EXPECT_TRUE(heard.ends_with(copied));
}

TEST_F(RelayPipeTest, BytesOfAnotherPipeAreWrittenFirst) {
  const std::string bytes = "from another node";
  pipe.hold({});
  EXPECT_EQ(pipe.state(), RelayPipe::State::open);
  pipe.hold(bytes);
  EXPECT_EQ(pipe.state(), RelayPipe::State::blocked);
  std::string copied;
  EXPECT_TRUE(pipe.copy_held(copied));
  EXPECT_EQ(copied, bytes);
  flush();
  EXPECT_EQ(read(), bytes);
  EXPECT_EQ(pipe.state(), RelayPipe::State::open);
}

TEST_F(LongStream, BreaksWithItsSink) {
  become_long();
  ASSERT_TRUE(pipe.spliced());
  to.outer.reset();
  EXPECT_EQ(stream().error, EPIPE);
  EXPECT_TRUE(pipe.sink_failed());
  EXPECT_FALSE(pipe.spliced());
}

/// Tens of megabytes to a reader that takes little at a time: nothing is lost, changed or
/// reordered, and the writer is held back instead of the bytes being kept here.
TEST_F(RelayPipeTest, ASlowReaderHoldsTheWriterBack) {
  constexpr size_t kTotal = size_t{48} << 20;
  std::mt19937_64 random(11);
  std::vector<char> block(1 << 16);
  for (char& byte : block) byte = static_cast<char>(random());

  XXH3_state_t* written = XXH3_createState();
  XXH3_state_t* received = XXH3_createState();
  XXH3_64bits_reset(written);
  XXH3_64bits_reset(received);
  size_t sent = 0;
  size_t got = 0;
  size_t blocked = 0;
  size_t spliced = 0;
  size_t most_ahead = 0;
  std::vector<char> buffer(1 << 17);
  while (got < kTotal) {
    if (sent < kTotal) {
      const size_t offset = sent % block.size();
      const size_t size = std::min(block.size() - offset, kTotal - sent);
      const ssize_t n = ::send(from.outer.get(), block.data() + offset, size, 0);
      if (n > 0) {
        XXH3_64bits_update(written, block.data() + offset, static_cast<size_t>(n));
        sent += static_cast<size_t>(n);
      }
    }
    if (pipe.state() == RelayPipe::State::open) {
      pump();
      if (pipe.state() == RelayPipe::State::blocked) ++blocked;
      if (pipe.spliced()) ++spliced;
    } else {
      flush();
    }
    // Slow at first, then in odd sizes.
    const size_t take = got < (1 << 20) ? 1 + random() % 4000 : 1 + random() % buffer.size();
    const ssize_t n = ::recv(to.outer.get(), buffer.data(), take, 0);
    if (n > 0) {
      XXH3_64bits_update(received, buffer.data(), static_cast<size_t>(n));
      got += static_cast<size_t>(n);
    }
    most_ahead = std::max(most_ahead, sent - got);
  }
  EXPECT_EQ(XXH3_64bits_digest(written), XXH3_64bits_digest(received));
  XXH3_freeState(written);
  XXH3_freeState(received);
  EXPECT_GT(blocked, 20U);
  EXPECT_GT(spliced, 20U);
  // Two socket buffers, and one scratch buffer or kernel pipe.
  EXPECT_LT(most_ahead, size_t{1} << 20);
}

}  // namespace
}  // namespace hapair::lbcore::relay
