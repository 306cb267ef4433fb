#include "lbcore/health/tls_stream.h"

#include <cerrno>
#include <system_error>
#include <utility>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

namespace hapair::lbcore::health {

namespace {

/// The oldest of OpenSSL's errors, and the queue is empty again.
std::string openssl_reason() {
  const unsigned long code = ERR_get_error();  // NOLINT(google-runtime-int): OpenSSL's type
  ERR_clear_error();
  const char* const text = code == 0 ? nullptr : ERR_reason_error_string(code);
  if (text != nullptr) return text;
  return code == 0 ? "the connection broke" : fmt::format("TLS error {:x}", code);
}

/// Whom the certificate must name, and what the server is asked for.
std::string_view server_name(const CheckSpec& spec) {
  if (!spec.sni.empty()) return spec.sni;
  if (spec.host.empty() || IpAddress::parse(spec.host) || Endpoint::parse(spec.host)) return {};
  // Without the port, if there is one.
  return std::string_view(spec.host).substr(0, spec.host.find(':'));
}

int64_t last_change_ns(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return -1;
  return int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec;
}

}  // namespace

TlsContexts::TlsContexts() = default;
TlsContexts::~TlsContexts() = default;

void TlsContexts::Free::operator()(SSL_CTX* context) const {
  SSL_CTX_free(context);
}

Result<SSL_CTX*> TlsContexts::get(const CheckSpec& spec) {
  const std::pair key(spec.verify, spec.ca_file);
  const int64_t file_time = spec.ca_file.empty() ? 0 : last_change_ns(spec.ca_file);
  const auto known = contexts_.find(key);
  if (known != contexts_.end() && known->second.file_time_ns == file_time) {
    return known->second.context.get();
  }
  ERR_clear_error();
  std::unique_ptr<SSL_CTX, Free> context(SSL_CTX_new(TLS_client_method()));
  if (!context) return fail("OpenSSL offers no TLS: {}", openssl_reason());
  // A check must see what any client would: no resumption that hides a bad certificate.
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context.get(),
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // Where the end of an answer is cut, its content decides.
  SSL_CTX_set_options(context.get(), SSL_OP_IGNORE_UNEXPECTED_EOF);
  if (spec.verify) {
    // The system's are looked up one by one when they are needed: the whole bundle takes long.
    const int loaded = spec.ca_file.empty()
                           ? SSL_CTX_set_default_verify_dir(context.get())
                           : SSL_CTX_load_verify_file(context.get(), spec.ca_file.c_str());
    if (loaded != 1) return fail("ca {}: {}", spec.ca_file, openssl_reason());
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  }
  Entry& entry = contexts_[key];
  entry = {.context = std::move(context), .file_time_ns = file_time};
  return entry.context.get();
}

TlsStream::TlsStream() = default;
TlsStream::~TlsStream() = default;

void TlsStream::Free::operator()(SSL* ssl) const {
  SSL_free(ssl);
}

Status TlsStream::open(TlsContexts& contexts, int fd, const IpAddress& server,
                       const CheckSpec& spec) {
  const auto context = contexts.get(spec);
  if (!context) return tl::unexpected(context.error());
  ERR_clear_error();
  broken_ = false;
  trouble_.clear();
  ssl_.reset(SSL_new(*context));
  const std::string name(server_name(spec));
  bool good = ssl_ && SSL_set_fd(ssl_.get(), fd) == 1;
  if (good && !name.empty()) {
    good = SSL_set_tlsext_host_name(ssl_.get(), name.c_str()) == 1 &&
           SSL_set1_host(ssl_.get(), name.c_str()) == 1;
  } else if (good) {
    const auto bytes = server.bytes();
    good = X509_VERIFY_PARAM_set1_ip(SSL_get0_param(ssl_.get()), bytes.data(), bytes.size()) == 1;
  }
  if (!good) return fail("TLS: {}", openssl_reason());
  SSL_set_connect_state(ssl_.get());
  return {};
}

TlsStream::Progress TlsStream::handshake() {
  ERR_clear_error();
  errno = 0;
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) return Progress::done;
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return Progress::wants_read;
    case SSL_ERROR_WANT_WRITE:
      return Progress::wants_write;
    default:
      break;
  }
  const int error = errno;
  broken_ = true;
  const auto verdict = SSL_get_verify_result(ssl_.get());
  if (SSL_get_verify_mode(ssl_.get()) != SSL_VERIFY_NONE && verdict != X509_V_OK) {
    trouble_ = X509_verify_cert_error_string(verdict);
    ERR_clear_error();
  } else if (ERR_peek_error() == 0) {
    trouble_ = error != 0 ? std::system_category().message(error) : "closed during the handshake";
  } else {
    trouble_ = openssl_reason();
  }
  return Progress::failed;
}

ssize_t TlsStream::explain(int result) {
  const int error = errno;
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_ZERO_RETURN:
      return 0;
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      errno = EAGAIN;
      return -1;
    case SSL_ERROR_SYSCALL:
      broken_ = true;
      ERR_clear_error();
      if (error == 0) return 0;  // the connection ended without goodbye
      errno = error;
      return -1;
    default:
      broken_ = true;
      trouble_ = openssl_reason();
      errno = EPROTO;
      return -1;
  }
}

ssize_t TlsStream::read(std::span<char> into) {
  ERR_clear_error();
  errno = 0;
  const int count = SSL_read(ssl_.get(), into.data(), static_cast<int>(into.size()));
  return count > 0 ? count : explain(count);
}

ssize_t TlsStream::write(std::string_view bytes) {
  ERR_clear_error();
  errno = 0;
  const int count = SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
  return count > 0 ? count : explain(count);
}

void TlsStream::close() {
  if (ssl_ && !broken_ && SSL_is_init_finished(ssl_.get()) == 1) {
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
  }
  ssl_.reset();
}

std::string TlsStream::version() const {
  return ssl_ ? SSL_get_version(ssl_.get()) : "";
}

}  // namespace hapair::lbcore::health
