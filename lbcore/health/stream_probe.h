// A probe over one TCP connection, with TLS on top for the kinds that say so. Everything that can
// go wrong until the stream is open is named here (L4*, L6*); what is said on it is for the kinds
// built on this.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include <ev++.h>
#include <sys/types.h>

#include "common/unique_fd.h"
#include "lbcore/health/probe.h"

namespace hapair::lbcore::health {

class StreamProbe : public Probe {
 public:
  StreamProbe(ProbeTools& tools, const Endpoint& server, const CheckSpec& spec, Done done);
  ~StreamProbe() override;

 protected:
  /// Connected, and the TLS handshake, if there is one, is done.
  virtual void on_open() = 0;
  /// Bytes of the server, on an open stream; the stream has ended: no bytes.
  virtual void on_bytes(std::string_view bytes);

  /// Sends as soon as the server takes it; its answer comes to on_bytes.
  void say(std::string text);
  [[nodiscard]] const TlsStream& tls() const { return tls_; }

 private:
  enum class Phase : uint8_t { connecting, handshake, open };
  void begin() override;
  void out_of_time() override;
  void release() override;
  void on_event(ev::io& watcher, int events);
  void on_connected();
  void on_connect_failed(int error);
  bool introduce();
  void shake_hands();
  void opened();
  void write();
  void read();
  ssize_t read_some(std::span<char> into);
  ssize_t write_some(std::string_view bytes);
  void watch(int events);

  const Endpoint at_;
  UniqueFd fd_;
  Phase phase_ = Phase::connecting;
  TlsStream tls_;
  std::string to_say_;
  size_t said_ = 0;
  ev::io watcher_;
};

/// check = tcp, check = tls: the server takes connections; nothing is said.
class OpenProbe final : public StreamProbe {
 public:
  using StreamProbe::StreamProbe;

 private:
  void on_open() override;
};

}  // namespace hapair::lbcore::health
