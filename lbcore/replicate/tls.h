// TLS of the pair link: version 1.3 only (RFC 8446), authenticated by an external pre-shared key on
// both sides (section 4.2.11) with a fresh Diffie-Hellman exchange (psk_dhe_ke: a stolen key opens
// no recorded traffic), one cipher suite, no certificates, no tickets, no early data. The key is
// derived from the pair key, so that no other use of that key ever meets the same bytes; the
// identity sent in the clear carries a short hash of it, by which "another key" can be told from
// other trouble.
//
// While the key is rotated there are two: the client offers the first one, and the other one after
// a refusal; the server accepts both.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/ssl.h>

#include "common/pair_key.h"

namespace hapair::lbcore::replicate {

enum class TlsSide : uint8_t { client, server };

/// Never moves: OpenSSL's callbacks point to it. Constructing throws std::runtime_error when
/// OpenSSL refuses.
class TlsContext {
 public:
  TlsContext(TlsSide side, const PairKeys& keys);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  /// For handshakes from now on; connections there are stay.
  void set_keys(const PairKeys& keys);
  /// After a refusal: the next handshake of a client offers the other key, if there is one.
  void offer_other_key() { offered_ = (offered_ + 1) % keys_.size(); }

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
  struct Key {
    std::array<uint8_t, 32> secret{};
    std::string identity;
  };
  static SSL_SESSION* make_session(SSL* ssl, const Key& key);
  static Key make_key(const PairKey& key);
  void forget_keys();

  TlsSide side_;
  std::vector<Key> keys_;  // never empty; the first one is used
  size_t offered_ = 0;
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
