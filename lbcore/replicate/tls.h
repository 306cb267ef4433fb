// TLS of the pair link: version 1.3 only (RFC 8446), authenticated by an external pre-shared key on
// both sides (section 4.2.11) with a fresh Diffie-Hellman exchange (psk_dhe_ke: a stolen key opens
// no recorded traffic), one cipher suite, no certificates, no tickets, no early data. The key is
// derived from the pair key, so that no other use of that key ever meets the same bytes; the
// identity sent in the clear carries a short hash of it, by which "another key" can be told from
// other trouble.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <openssl/ssl.h>

#include "common/pair_key.h"

namespace hapair::lbcore::replicate {

enum class TlsSide : uint8_t { client, server };

/// Never moves: OpenSSL's callbacks point to it. Constructing throws std::runtime_error when
/// OpenSSL refuses.
class TlsContext {
 public:
  TlsContext(TlsSide side, const PairKey& key);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  struct SslDeleter {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };
  using SslPtr = std::unique_ptr<SSL, SslDeleter>;
  /// A new stream over `fd`, which stays the caller's.
  [[nodiscard]] SslPtr open(int fd) const;

 private:
  struct ContextDeleter {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };
  static int offer_key(SSL* ssl, const EVP_MD* digest, const unsigned char** identity,
                       size_t* identity_size, SSL_SESSION** session);
  static int find_key(SSL* ssl, const unsigned char* identity, size_t identity_size,
                      SSL_SESSION** session);
  [[nodiscard]] SSL_SESSION* make_session(SSL* ssl) const;

  TlsSide side_;
  std::array<uint8_t, 32> key_{};
  std::string identity_;
  std::unique_ptr<SSL_CTX, ContextDeleter> context_;
};

/// Whether the handshake that just succeeded was authenticated by the key. Nothing else can
/// succeed; this makes sure.
bool authenticated(SSL* ssl);

inline constexpr std::string_view kKeyMismatch = "key does not match";

/// Why the last operation on `ssl` failed, for an operator; empties OpenSSL's error queue. `result`
/// is what that operation returned. kKeyMismatch where that is the cause.
std::string tls_failure(SSL* ssl, int result);

}  // namespace hapair::lbcore::replicate
