// One direction of a connection: bytes from a source socket to a sink socket. It owns no descriptor
// and no watcher; the Connection calls it when one of its sockets is ready.
//
// What was read goes out at once from the worker's scratch buffer. Only what the sink does not take
// is copied into a private buffer; until that is gone the pipe is `blocked` and must not be pumped:
// the source is not read, its sender stalls, and memory stays below one scratch buffer
// (backpressure). An idle pipe owns no buffer (DESIGN invariant 9).
//
// A stream that fills the scratch buffer several times in a row is a long one: from then on its
// bytes are spliced through a pipe of the kernel instead, until a read brings little again. For
// small answers that would cost a system call more; for long ones it saves both copies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "lbcore/relay/kernel_pipes.h"

namespace hapair::lbcore::relay {

class RelayPipe {
 public:
  enum class State : uint8_t {
    open,      // wait until the source is readable, then pump
    blocked,   // wait until the sink is writable, then flush
    ended,     // the source ended and all is written: finish() forwards that
    finished,  // the sink was told
    broken,    // source or sink failed; nothing more can be moved
  };

  struct Moved {
    size_t bytes = 0;   // read from the source
    int error = 0;      // errno of what broke the pipe, else 0
    bool more = false;  // the source may have more at once
  };

  explicit RelayPipe(KernelPipes& kernel_pipes) : kernel_pipes_(kernel_pipes) {}
  ~RelayPipe() { stop_splicing(); }
  RelayPipe(const RelayPipe&) = delete;
  RelayPipe& operator=(const RelayPipe&) = delete;

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] bool spliced() const { return splice_ != nullptr; }
  /// Which end broke it.
  [[nodiscard]] bool source_failed() const { return state_ == State::broken && !sink_failed_; }
  [[nodiscard]] bool sink_failed() const { return state_ == State::broken && sink_failed_; }

  /// Before there is a sink: what the source has said by now is held back, after the first `prefix`
  /// bytes of `scratch`. An end is left to be read later.
  Moved collect(int source, std::span<char> scratch, size_t prefix);
  /// Writes what was collected to a sink that may still be connecting, or may fail. 0: it is
  /// connected; EAGAIN: not yet; else why it failed. Unless 0, all stays for another sink.
  int offer(int sink);
  /// One read of the source, and what can be written of it. Call when open.
  Moved pump(int source, int sink, std::span<char> scratch);
  /// Writes what is held back. Call when blocked.
  Moved flush(int sink);
  /// Forwards the end of the source as a half-close of the sink. Call when ended.
  void finish(int sink);

  /// What was read and not written yet, for another node to write; it stays here all the same.
  /// False: the kernel's pipe cannot be read, and the pipe is as it was.
  bool copy_held(std::string& out);
  /// Bytes that another node's pipe held back. Call when open.
  void hold(std::span<const char> bytes);

 private:
  Moved copy(int source, int sink, std::span<char> scratch);
  Moved splice(int source, int sink);
  void drain_splice(int sink, Moved& moved);
  void stop_splicing();
  /// What a system call that moved nothing means for the source: nothing yet, its end, its failure.
  void source_gave(ssize_t result, Moved& moved);
  void sink_fails(int error, Moved& moved);
  /// Bytes written; breaks the pipe on an error other than "would block".
  size_t write(int sink, std::span<const char> bytes, Moved& moved);
  void hold_back(std::span<const char> bytes);
  void release(size_t written);

  KernelPipes& kernel_pipes_;
  std::unique_ptr<KernelPipe> splice_;
  std::unique_ptr<char[]> held_;
  uint32_t held_begin_ = 0;
  uint32_t held_end_ = 0;
  State state_ = State::open;
  bool sink_failed_ = false;
  uint8_t full_reads_ = 0;  // in a row
};

}  // namespace hapair::lbcore::relay
