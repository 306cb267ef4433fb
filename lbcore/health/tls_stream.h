// The client side of TLS on a probe's socket, without blocking: handshake, bytes, and a reason in
// one line when something is wrong. Contexts are made once for all checks that trust the same
// certificates.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <openssl/types.h>
#include <sys/types.h>

#include "common/address.h"
#include "common/result.h"
#include "lbcore/health/check_spec.h"

namespace hapair::lbcore::health {

class TlsContexts {
 public:
  TlsContexts();
  ~TlsContexts();
  TlsContexts(const TlsContexts&) = delete;
  TlsContexts& operator=(const TlsContexts&) = delete;

  /// Reads the certificates that `spec` trusts when they are asked for the first time, and again
  /// when their file has changed.
  Result<SSL_CTX*> get(const CheckSpec& spec);

 private:
  struct Free {
    void operator()(SSL_CTX* context) const;
  };
  struct Entry {
    std::unique_ptr<SSL_CTX, Free> context;
    int64_t file_time_ns = 0;  // of its last change
  };
  std::map<std::pair<bool, std::string>, Entry> contexts_;
};

class TlsStream {
 public:
  enum class Progress : uint8_t { done, wants_read, wants_write, failed };

  TlsStream();
  ~TlsStream();
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  /// `fd`: connected, stays the caller's.
  Status open(TlsContexts& contexts, int fd, const IpAddress& server, const CheckSpec& spec);
  Progress handshake();
  /// As recv and send: -1 with errno, EAGAIN to try again later, EPROTO for what TLS refused.
  ssize_t read(std::span<char> into);
  ssize_t write(std::string_view bytes);
  /// Says goodbye, if there was a handshake, and forgets the socket.
  void close();

  [[nodiscard]] const std::string& trouble() const { return trouble_; }
  [[nodiscard]] std::string version() const;  // "TLSv1.3"

 private:
  struct Free {
    void operator()(SSL* ssl) const;
  };
  ssize_t explain(int result);

  std::unique_ptr<SSL, Free> ssl_;
  bool broken_ = false;
  std::string trouble_;
};

}  // namespace hapair::lbcore::health
