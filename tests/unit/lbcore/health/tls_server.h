// A certificate made on the spot, and the server side of TLS for a Server of loopback.h.
#pragma once

#include <cstdio>
#include <functional>
#include <memory>
#include <string>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include "tests/unit/lbcore/health/loopback.h"

namespace hapair::lbcore::health {

/// Self-signed, for `names` ("DNS:a.example,IP:127.0.0.1"); its PEM lies in a file of its own.
class Certificate {
 public:
  explicit Certificate(const char* names) : key_(EVP_EC_gen("P-256")), certificate_(X509_new()) {
    X509* const x = certificate_.get();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, key_.get());
    X509_NAME* const subject = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
    X509_set_issuer_name(x, subject);
    X509V3_CTX context;
    X509V3_set_ctx(&context, x, x, nullptr, nullptr, 0);
    for (const auto& [nid, value] :
         {std::pair{NID_subject_alt_name, names}, std::pair{NID_basic_constraints, "CA:TRUE"}}) {
      X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
      X509_add_ext(x, extension, -1);
      X509_EXTENSION_free(extension);
    }
    X509_sign(x, key_.get(), EVP_sha256());
    path_ = testing::TempDir() + "hapair-check-XXXXXX";
    const UniqueFd fd(::mkstemp(path_.data()));
    std::FILE* const file = ::fdopen(::dup(fd.get()), "w");
    PEM_write_X509(file, x);
    std::fclose(file);
  }
  ~Certificate() { ::unlink(path_.c_str()); }
  Certificate(const Certificate&) = delete;
  Certificate& operator=(const Certificate&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }

  /// Shakes hands on every connection, then `talk`; the name that the client asked for is its
  /// argument.
  [[nodiscard]] Server::Serve serving(
      std::function<void(SSL* ssl, const std::string& sni)> talk) const {
    std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
    SSL_CTX_use_certificate(context.get(), certificate_.get());
    SSL_CTX_use_PrivateKey(context.get(), key_.get());
    return [context, talk = std::move(talk)](int fd) {
      const std::unique_ptr<SSL, void (*)(SSL*)> ssl(SSL_new(context.get()), SSL_free);
      SSL_set_fd(ssl.get(), fd);
      if (SSL_accept(ssl.get()) == 1) {
        const char* const sni = SSL_get_servername(ssl.get(), TLSEXT_NAMETYPE_host_name);
        talk(ssl.get(), sni == nullptr ? "" : sni);
        SSL_shutdown(ssl.get());
      }
      ::shutdown(fd, SHUT_WR);
      wait_for_close(fd);
    };
  }

 private:
  struct Free {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
    void operator()(X509* certificate) const { X509_free(certificate); }
  };
  std::unique_ptr<EVP_PKEY, Free> key_;
  std::unique_ptr<X509, Free> certificate_;
  std::string path_;
};

/// Reads a request's head and answers it, inside TLS.
inline void answer_tls(SSL* ssl, const std::string& answer) {
  std::string head;
  char c = 0;
  while (!head.ends_with("\r\n\r\n") && SSL_read(ssl, &c, 1) == 1) head += c;
  SSL_write(ssl, answer.data(), static_cast<int>(answer.size()));
}

}  // namespace hapair::lbcore::health
