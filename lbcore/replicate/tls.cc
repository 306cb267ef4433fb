#include "lbcore/replicate/tls.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace hapair::lbcore::replicate {

namespace {

constexpr char kSuite[] = "TLS_AES_128_GCM_SHA256";
constexpr unsigned char kSuiteId[] = {0x13, 0x01};
constexpr std::string_view kKeyLabel = "hapair pair link: tls 1.3 psk";
constexpr std::string_view kIdLabel = "hapair pair link: key id";
constexpr std::string_view kIdentityName = "hapair-pair-link/";

std::array<uint8_t, 32> derive(const PairKey& key, std::string_view label) {
  std::array<uint8_t, 32> out{};
  unsigned size = 0;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): bytes to bytes
  const auto* text = reinterpret_cast<const unsigned char*>(label.data());
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), text, label.size(), out.data(),
           &size) == nullptr ||
      size != out.size()) {
    throw std::runtime_error("pair link: OpenSSL cannot derive the key");
  }
  return out;
}

/// Where an SSL carries our context, and whether it met an identity that is not ours.
int context_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}
int stranger_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}
char stranger_mark;  // its address marks an SSL; its value means nothing

const TlsContext& context_of(SSL* ssl) {
  return *static_cast<const TlsContext*>(
      SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), context_index()));
}

}  // namespace

TlsContext::Key TlsContext::make_key(const PairKey& key) {
  Key out{.secret = derive(key, kKeyLabel), .identity = std::string(kIdentityName)};
  const auto id = derive(key, kIdLabel);
  for (size_t i = 0; i < 8; ++i) out.identity += fmt::format("{:02x}", id[i]);
  return out;
}

void TlsContext::set_keys(const PairKeys& keys) {
  std::vector<Key> next{make_key(keys.used)};
  if (keys.also) next.push_back(make_key(*keys.also));
  forget_keys();
  keys_ = std::move(next);
  offered_ = 0;
}

void TlsContext::forget_keys() {
  for (auto& key : keys_) OPENSSL_cleanse(key.secret.data(), key.secret.size());
}

TlsContext::TlsContext(TlsSide side, const PairKeys& keys)
    : side_(side),
      context_(SSL_CTX_new(side == TlsSide::client ? TLS_client_method() : TLS_server_method())) {
  set_keys(keys);
  SSL_CTX* const context = context_.get();
  if (context == nullptr || SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1 ||
      SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) != 1 ||
      SSL_CTX_set_ciphersuites(context, kSuite) != 1 ||
      SSL_CTX_set_ex_data(context, context_index(), this) != 1 ||
      SSL_CTX_set_num_tickets(context, 0) != 1 || SSL_CTX_set_max_early_data(context, 0) != 1) {
    ERR_clear_error();
    throw std::runtime_error("pair link: OpenSSL offers no TLS 1.3 with a pre-shared key");
  }
  // SSL_OP_ALLOW_NO_DHE_KEX stays unset: psk_dhe_ke is all there is.
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context, 1);
  if (side == TlsSide::client) {
    SSL_CTX_set_psk_use_session_callback(context, &TlsContext::offer_key);
    // A server that would rather show a certificate has none that could please us.
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  } else {
    SSL_CTX_set_psk_find_session_callback(context, &TlsContext::find_key);
  }
}

TlsContext::~TlsContext() {
  forget_keys();
}

TlsContext::SslPtr TlsContext::open(int fd) const {
  SslPtr ssl(SSL_new(context_.get()));
  if (!ssl || SSL_set_fd(ssl.get(), fd) != 1) {
    ERR_clear_error();
    return nullptr;
  }
  if (side_ == TlsSide::client) {
    SSL_set_connect_state(ssl.get());
  } else {
    SSL_set_accept_state(ssl.get());
  }
  return ssl;
}

SSL_SESSION* TlsContext::make_session(SSL* ssl, const Key& key) {
  const SSL_CIPHER* const suite = SSL_CIPHER_find(ssl, kSuiteId);
  SSL_SESSION* const session = SSL_SESSION_new();
  if (suite == nullptr || session == nullptr ||
      SSL_SESSION_set1_master_key(session, key.secret.data(), key.secret.size()) != 1 ||
      SSL_SESSION_set_cipher(session, suite) != 1 ||
      SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION) != 1) {
    SSL_SESSION_free(session);
    return nullptr;
  }
  return session;
}

int TlsContext::offer_key(SSL* ssl, const EVP_MD* digest, const unsigned char** identity,
                          size_t* identity_size, SSL_SESSION** session) {
  // After a HelloRetryRequest OpenSSL names the suite's digest; ours is SHA-256 like the suite's.
  if (digest != nullptr && EVP_MD_get_type(digest) != NID_sha256) return 0;
  const TlsContext& self = context_of(ssl);
  const Key& key = self.keys_[self.offered_];
  *session = make_session(ssl, key);
  if (*session == nullptr) return 0;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): bytes to bytes
  *identity = reinterpret_cast<const unsigned char*>(key.identity.data());
  *identity_size = key.identity.size();
  return 1;
}

int TlsContext::find_key(SSL* ssl, const unsigned char* identity, size_t identity_size,
                         SSL_SESSION** session) {
  const TlsContext& self = context_of(ssl);
  *session = nullptr;
  const auto key = std::find_if(self.keys_.begin(), self.keys_.end(), [&](const Key& each) {
    return identity_size == each.identity.size() &&
           CRYPTO_memcmp(identity, each.identity.data(), identity_size) == 0;
  });
  if (key == self.keys_.end()) {
    // No session, no certificate either: the handshake fails, and tls_failure() knows why.
    SSL_set_ex_data(ssl, stranger_index(), &stranger_mark);
    return 1;
  }
  *session = make_session(ssl, *key);
  return *session == nullptr ? 0 : 1;
}

bool authenticated(SSL* ssl) {
  return SSL_is_init_finished(ssl) == 1 && SSL_session_reused(ssl) == 1 &&
         SSL_version(ssl) == TLS1_3_VERSION;
}

std::string tls_failure(SSL* ssl, int result) {
  const int saved_errno = errno;
  const int kind = SSL_get_error(ssl, result);
  const unsigned long first = ERR_peek_error();
  ERR_clear_error();
  const bool shaking_hands = SSL_is_init_finished(ssl) == 0;
  if (kind == SSL_ERROR_ZERO_RETURN) return "closed by the peer";
  if (kind == SSL_ERROR_SYSCALL) {
    if (saved_errno != 0) return std::strerror(saved_errno);  // NOLINT(concurrency-mt-unsafe)
    return shaking_hands ? "closed by the peer during the handshake" : "closed by the peer";
  }
  if (SSL_get_ex_data(ssl, stranger_index()) != nullptr) return std::string(kKeyMismatch);
  if (ERR_GET_LIB(first) == ERR_LIB_SSL) {
    switch (ERR_GET_REASON(first)) {
      case SSL_R_BINDER_DOES_NOT_VERIFY:
        return std::string(kKeyMismatch);
      // Our server has this one reason to refuse a hello of ours.
      case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
        if (shaking_hands) return std::string(kKeyMismatch);
        break;
      case SSL_R_UNEXPECTED_EOF_WHILE_READING:
        return shaking_hands ? "closed by the peer during the handshake" : "closed by the peer";
      case SSL_R_WRONG_VERSION_NUMBER:
      case SSL_R_HTTP_REQUEST:
      case SSL_R_BAD_RECORD_TYPE:
      case SSL_R_UNEXPECTED_MESSAGE:
        if (shaking_hands) return "does not speak TLS 1.3 with a pair key";
        break;
      default:
        break;
    }
  }
  const char* reason = ERR_reason_error_string(first);
  return fmt::format("TLS: {}", reason == nullptr ? "unknown error" : reason);
}

}  // namespace hapair::lbcore::replicate
