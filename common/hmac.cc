#include "common/hmac.h"

#include <algorithm>
#include <stdexcept>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace hapair {

namespace {

std::array<uint8_t, 32> hmac_sha256(std::span<const uint8_t, 32> key,
                                    std::span<const uint8_t> message) {
  std::array<uint8_t, 32> out{};
  unsigned length = 0;
  const uint8_t* done = ::HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
                               message.data(), message.size(), out.data(), &length);
  // Without memory, or without SHA-256 in this OpenSSL: nothing that goes on could be trusted.
  if (done == nullptr || length != out.size()) throw std::runtime_error("HMAC-SHA256 failed");
  return out;
}

}  // namespace

MacKey derive_key(const PairKey& key, std::string_view label) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(label.data());  // NOLINT: text as bytes
  return hmac_sha256(key, {bytes, label.size()});
}

MacTag authenticate(const MacKey& key, std::span<const uint8_t> message) {
  const auto full = hmac_sha256(key, message);
  MacTag tag{};
  std::copy_n(full.begin(), tag.size(), tag.begin());
  return tag;
}

bool same_tag(const MacTag& expected, std::span<const uint8_t> tag) {
  return tag.size() == expected.size() &&
         CRYPTO_memcmp(tag.data(), expected.data(), expected.size()) == 0;
}

}  // namespace hapair
