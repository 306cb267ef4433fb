// A set of connections, as small as 500,000 of them should be: 22 bytes a place, at most three
// quarters of the places taken. Our own addresses are few, and kept once each. Bounded: what finds
// no room is refused, and the caller counts it. Pure.
//
// Open addressing with linear probing; a removal moves up what was displaced, so there are no
// tombstones. Clients choose their ports: the hash is keyed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "common/address.h"
#include "lbcore/orphans/ends.h"
#include "lbcore/sticky/siphash.h"

namespace hapair::lbcore::orphans {

class EndsSet {
 public:
  static constexpr size_t kMostAddresses = 1024;  // of ours, at a time

  explicit EndsSet(size_t most, sticky::SipKey key = sticky::random_sip_key())
      : most_(most), hash_key_(key) {}

  /// Whether it is in the set now; it may have been before.
  bool add(const Ends& ends);
  /// Whether it was.
  bool remove(const Ends& ends);
  [[nodiscard]] bool contains(const Ends& ends) const;
  void clear();

  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] std::vector<Ends> all() const;
  /// Takes those out whose own address is `wanted`.
  std::vector<Ends> take(const std::function<bool(const IpAddress& ours)>& wanted);

 private:
  struct Place {
    std::array<uint8_t, 16> theirs{};  // IPv4: the first four
    uint16_t their_port = 0;
    uint16_t our_port = 0;
    uint16_t address = 0;  // its number in addresses_ plus one; 0: the place is free
    friend bool operator==(const Place&, const Place&) = default;
  };
  struct Address {
    IpAddress ip;
    size_t uses = 0;  // 0: the number is free
  };

  [[nodiscard]] uint16_t number_of(const IpAddress& ours) const;  // plus one; 0: none
  uint16_t number_for(const IpAddress& ours);
  [[nodiscard]] static Place place_of(const Ends& ends, uint16_t address);
  [[nodiscard]] Ends ends_of(const Place& place) const;
  [[nodiscard]] size_t home(const Place& place) const;
  /// Where it is, or the free place where it would be.
  [[nodiscard]] size_t find(const Place& place) const;
  void empty(size_t at);
  void grow();

  size_t most_;
  sticky::SipKey hash_key_;
  size_t size_ = 0;
  std::vector<Place> places_;  // a power of two, or none
  std::vector<Address> addresses_;
};

}  // namespace hapair::lbcore::orphans
