#include "lbcore/orphans/ends_set.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <type_traits>

namespace hapair::lbcore::orphans {

namespace {

constexpr size_t kFirstPlaces = 64;

}  // namespace

bool EndsSet::add(const Ends& ends) {
  if (ends.ours.ip.family() != ends.theirs.ip.family()) return false;
  if (contains(ends)) return true;
  if (size_ >= most_) return false;
  if ((size_ + 1) * 4 > places_.size() * 3) grow();
  const uint16_t address = number_for(ends.ours.ip);
  if (address == 0) return false;
  const Place place = place_of(ends, address);
  places_[find(place)] = place;
  ++addresses_[address - 1U].uses;
  ++size_;
  return true;
}

bool EndsSet::remove(const Ends& ends) {
  if (!contains(ends)) return false;
  empty(find(place_of(ends, number_of(ends.ours.ip))));
  return true;
}

bool EndsSet::contains(const Ends& ends) const {
  const uint16_t address = size_ == 0 ? 0 : number_of(ends.ours.ip);
  return address != 0 && places_[find(place_of(ends, address))].address != 0;
}

void EndsSet::clear() {
  size_ = 0;
  places_ = {};
  addresses_.clear();
}

std::vector<Ends> EndsSet::all() const {
  std::vector<Ends> out;
  out.reserve(size_);
  for (const Place& place : places_) {
    if (place.address != 0) out.push_back(ends_of(place));
  }
  return out;
}

std::vector<Ends> EndsSet::take(const std::function<bool(const IpAddress& ours)>& wanted) {
  std::vector<bool> takes(addresses_.size());
  for (size_t i = 0; i < addresses_.size(); ++i) {
    takes[i] = addresses_[i].uses > 0 && wanted(addresses_[i].ip);
  }
  std::vector<Ends> out;
  if (std::ranges::find(takes, true) == takes.end()) return out;
  for (const Place& place : places_) {
    if (place.address != 0 && takes[place.address - 1U]) out.push_back(ends_of(place));
  }
  for (const Ends& ends : out) remove(ends);
  if (size_ == 0) clear();
  return out;
}

// ---- places

uint16_t EndsSet::number_of(const IpAddress& ours) const {
  for (size_t i = 0; i < addresses_.size(); ++i) {
    if (addresses_[i].uses > 0 && addresses_[i].ip == ours) return static_cast<uint16_t>(i + 1);
  }
  return 0;
}

uint16_t EndsSet::number_for(const IpAddress& ours) {
  if (const uint16_t known = number_of(ours); known != 0) return known;
  auto free = std::ranges::find(addresses_, size_t{0}, &Address::uses);
  if (free == addresses_.end()) {
    if (addresses_.size() >= kMostAddresses) return 0;
    free = addresses_.insert(free, Address{});
  }
  free->ip = ours;
  return static_cast<uint16_t>(free - addresses_.begin() + 1);
}

EndsSet::Place EndsSet::place_of(const Ends& ends, uint16_t address) {
  Place out;
  std::ranges::copy(ends.theirs.ip.bytes(), out.theirs.begin());
  out.their_port = ends.theirs.port;
  out.our_port = ends.ours.port;
  out.address = address;
  return out;
}

Ends EndsSet::ends_of(const Place& place) const {
  const IpAddress& ours = addresses_[place.address - 1U].ip;
  const std::span<const uint8_t, 16> theirs(place.theirs);
  return {.ours = {ours, place.our_port},
          .theirs = {ours.is_v4() ? IpAddress::from_bytes(theirs.first<4>())
                                  : IpAddress::from_bytes(theirs),
                     place.their_port}};
}

size_t EndsSet::home(const Place& place) const {
  static_assert(std::has_unique_object_representations_v<Place>);
  std::array<uint8_t, sizeof(Place)> bytes{};
  std::memcpy(bytes.data(), &place, sizeof place);
  return sticky::siphash<1, 3>(hash_key_, bytes) & (places_.size() - 1);
}

size_t EndsSet::find(const Place& place) const {
  size_t at = home(place);
  while (places_[at].address != 0 && places_[at] != place) at = (at + 1) & (places_.size() - 1);
  return at;
}

/// Whoever follows without a gap and may stand nearer to its home moves up.
void EndsSet::empty(size_t at) {
  --addresses_[places_[at].address - 1U].uses;
  --size_;
  const size_t mask = places_.size() - 1;
  size_t hole = at;
  for (size_t next = (at + 1) & mask; places_[next].address != 0; next = (next + 1) & mask) {
    const size_t from_home = (next - home(places_[next])) & mask;
    if (from_home < ((next - hole) & mask)) continue;
    places_[hole] = places_[next];
    hole = next;
  }
  places_[hole] = {};
}

void EndsSet::grow() {
  std::vector<Place> old(std::max(kFirstPlaces, places_.size() * 2));
  old.swap(places_);
  for (const Place& place : old) {
    if (place.address != 0) places_[find(place)] = place;
  }
}

}  // namespace hapair::lbcore::orphans
