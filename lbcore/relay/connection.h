// One client connection and its server side, from accept to the last byte (DESIGN flow b).
//
//   heading     the client is one that must send a PROXY header, and has not yet (whole)
//   queued      all servers that could be asked are full (connection_queue.cc)
//   waiting     no descriptor for the server side: tried again shortly, within connect_timeout
//   connecting  one server was asked; on failure or timeout the next one, within Tried::kMost
//   relaying    two RelayPipes; each socket is watched by edges for life, for writing only while a
//               pipe is blocked; silence ends it
//   frozen      its sockets are silent, and its image is on the way to the other node
//   restored    made from an image of the other node, its sockets are silent yet
//   lingering   one side failed; the other still has bytes on their way and is reset after them
//   over        descriptors closed, in the worker's list of things to delete
//
// A reset on one side becomes a reset on the other, never an orderly end: a client must be able to
// tell a truncated answer from a whole one. Lives on one worker's thread. connection_header.cc,
// connection_time.cc and connection_move.cc hold what concerns PROXY headers, timeouts and moves to
// the other node.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "common/address.h"
#include "common/clock.h"
#include "common/result.h"
#include "common/unique_fd.h"
#include "lbcore/handover/connection_image.h"
#include "lbcore/model/topology.h"
#include "lbcore/observe/trace.h"
#include "lbcore/orphans/ends.h"
#include "lbcore/relay/connection_info.h"
#include "lbcore/relay/departure.h"
#include "lbcore/relay/dispatcher.h"
#include "lbcore/relay/relay_pipe.h"
#include "lbcore/relay/socket_loop.h"
#include "lbcore/relay/timer_wheel.h"

namespace hapair::lbcore::relay {

class Worker;

class Connection final : public WheelNode {
 public:
  /// Counts as a connection of `service` (admit() has counted it) until over.
  Connection(Worker& worker, UniqueFd client, const Endpoint& address,
             std::shared_ptr<const Service> service);
  ~Connection() override;

  /// Asks the first server. May be over when it returns.
  void start();
  /// Resets both sides: the process ends.
  void abort();
  void on_due() override;
  /// It is the first in the queue. False: no server has room yet, and it stays.
  bool take_turn();
  [[nodiscard]] ConnectionInfo info() const;
  [[nodiscard]] TimePoint accepted_at() const { return trace_.accepted(); }
  /// The other node is to know of it, until it is over (long_lived.h).
  void tell_open();

  // ---- A move to another node
  [[nodiscard]] bool leaves(const Departure& departure) const;
  /// Waits for something before it relays.
  [[nodiscard]] bool begins() const;
  /// Its image, and it is silent from now on; or why it cannot move, and it goes on.
  Result<std::string> freeze(const Departure& departure);
  [[nodiscard]] bool is_frozen() const { return phase_ == Phase::frozen; }
  /// Instead of start(): it goes on from an image once it is woken. It is counted at the service.
  void restore(UniqueFd server, std::shared_ptr<LiveServer> live,
               const handover::ConnectionImage& image);
  [[nodiscard]] bool is_restored() const { return phase_ == Phase::restored; }
  /// It goes on, frozen or restored.
  void wake();
  /// It ends without a word, frozen or restored.
  void discard();

  // The worker's list of open connections.
  Connection* next = nullptr;
  Connection* previous = nullptr;

 private:
  using Watch = SocketLoop::Watch;
  enum class Phase : uint8_t {
    heading,
    queued,
    waiting,
    connecting,
    relaying,
    frozen,
    restored,
    lingering,
    over
  };
  struct Side {
    explicit Side(SocketLoop& loop) : watcher(loop) {}
    UniqueFd fd;
    SocketLoop::Watch watcher;
  };
  struct Aside;  // connection_aside.h
  Aside& aside();

  void on_client(uint32_t events);
  void on_server(uint32_t events);
  static void close(Side& side);
  static void reset(Side& side);

  // heading, and before a server is looked for
  [[nodiscard]] bool must_send_header() const;
  void expect_header();
  void read_header();
  /// Turns the client away; `what` it did, for the log.
  void refuse(Refusal reason, observe::EndedBy by, std::string_view what);

  // queued
  [[nodiscard]] bool must_wait(const Dispatcher::Choice& choice) const;
  void wait_in_queue();
  void arm_for_waiting();
  void look_while_queued();
  void leave_queue();

  // connecting
  void find_server();
  /// `failed`: the server that was asked before, for the log line should it have been the last.
  void ask_next_server(std::shared_ptr<LiveServer> failed = nullptr);
  /// 0: under way or established; kTakenMeanwhile: not asked, it has `limit` connections already
  /// (0: no limit); else the errno of the failure.
  int ask(const std::shared_ptr<LiveServer>& server, uint32_t limit);
  [[nodiscard]] UniqueFd server_socket(int family) const;
  void collect();
  void on_connect_result();
  std::shared_ptr<LiveServer> server_failed(int error);
  std::shared_ptr<LiveServer> leave_server();
  void wait_for_descriptor();
  void let_down(std::shared_ptr<LiveServer> failed);
  void established();
  /// What the server is to read first; returns its length.
  size_t write_header(std::span<char> out);

  // relaying
  void on_ready(Side& side, RelayPipe& from_side, RelayPipe& to_side, Side& other, uint32_t events);
  void read(Side& side, RelayPipe& from_side, Side& other, bool more);
  void account(const RelayPipe& pipe, const RelayPipe::Moved& moved);
  void tell_reads();
  void settle();
  void watch_as_needed();
  static void watch_stream(Side& side, const RelayPipe& to_side);
  void look_while_relaying();
  /// The time from which silence counts as an end.
  [[nodiscard]] TimePoint silent_until() const;
  [[nodiscard]] bool half_closed() const;
  [[nodiscard]] bool blocked() const;
  void arm_for_silence();

  // what the other node knows (connection_ends.cc)
  void tell_client_side();
  void tell_server_side();
  [[nodiscard]] orphans::Ends told_ends() const;
  [[nodiscard]] orphans::Ends told_server_ends() const;
  void tell_over();

  // the end
  void end_by_reset(Side& dead, Side& other);
  [[nodiscard]] observe::During during() const;
  /// `failed`: the server that was asked last, when none serves.
  void over(std::shared_ptr<LiveServer> failed = nullptr);
  void leave_traces(std::shared_ptr<LiveServer> failed);

  Worker& worker_;
  std::shared_ptr<const Service> service_;
  std::shared_ptr<LiveServer> server_live_;  // the one that is asked or serves; counted there
  std::unique_ptr<Aside> aside_;
  Endpoint address_;         // of the client, or what its PROXY header says
  TimePoint give_up_{};      // of waiting, of lingering
  TimePoint last_active_{};  // while relaying
  int last_error_ = 0;
  uint32_t first_bytes_ = 0;  // that were collected
  observe::Trace trace_;
  Tried tried_;
  Phase phase_ = Phase::connecting;
  bool from_session_ = false;
  bool source_counted_ = false;
  bool looks_ = false;  // armed to look whether a side is dead that cannot be read
  bool holds_session_ = false;
  bool collected_ = false;
  bool prompt_ = false;       // the server's socket sends at once
  bool keeps_alive_ = false;  // and asks whether its peer is still there
  bool told_ = false;         // the other node knows of it,
  uint8_t told_source_ = 0;   // and of its server's side: the number of the pool's source
  uint16_t told_port_ = 0;    // and the port; 0: it does not
  uint8_t reads_up_ = 0;      // not yet among the counters
  uint8_t reads_down_ = 0;
  Side client_;
  Side server_;
  RelayPipe up_;    // client to server
  RelayPipe down_;  // server to client
};

}  // namespace hapair::lbcore::relay
