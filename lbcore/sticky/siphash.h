// SipHash (Aumasson and Bernstein): a hash with a secret key, for tables whose keys strangers
// choose. Without the key nobody can prepare keys that fall into one bucket. SipHash-1-3 is the
// variant for hash tables; 2-4 is here because its official test vectors prove the code.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace hapair::lbcore::sticky {

struct SipKey {
  uint64_t k0 = 0;
  uint64_t k1 = 0;
};

/// From the kernel's random source; throws std::system_error when there is none.
SipKey random_sip_key();

template <int CompressionRounds, int FinalRounds>
[[nodiscard]] inline uint64_t siphash(const SipKey& key, std::span<const uint8_t> data) {
  static_assert(std::endian::native == std::endian::little, "words are read as they lie in memory");
  uint64_t v0 = key.k0 ^ 0x736f6d6570736575U;
  uint64_t v1 = key.k1 ^ 0x646f72616e646f6dU;
  uint64_t v2 = key.k0 ^ 0x6c7967656e657261U;
  uint64_t v3 = key.k1 ^ 0x7465646279746573U;
  const auto rounds = [&](int count) {
    for (int i = 0; i < count; ++i) {
      v0 += v1;
      v1 = std::rotl(v1, 13) ^ v0;
      v0 = std::rotl(v0, 32);
      v2 += v3;
      v3 = std::rotl(v3, 16) ^ v2;
      v0 += v3;
      v3 = std::rotl(v3, 21) ^ v0;
      v2 += v1;
      v1 = std::rotl(v1, 17) ^ v2;
      v2 = std::rotl(v2, 32);
    }
  };
  const auto absorb = [&](uint64_t word) {
    v3 ^= word;
    rounds(CompressionRounds);
    v0 ^= word;
  };

  size_t at = 0;
  for (; at + 8 <= data.size(); at += 8) {
    uint64_t word = 0;
    std::memcpy(&word, data.data() + at, 8);
    absorb(word);
  }
  uint64_t last = static_cast<uint64_t>(data.size())
                  << 56;  // the length's low byte ends the message
  std::memcpy(&last, data.data() + at, data.size() - at);
  absorb(last);

  v2 ^= 0xff;
  rounds(FinalRounds);
  return v0 ^ v1 ^ v2 ^ v3;
}

}  // namespace hapair::lbcore::sticky
