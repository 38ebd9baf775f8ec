// SPDX-License-Identifier: Apache-2.0
#include "track/end_pairs.h"

#include <utility>

namespace sockscope {

void EndPairs::put(std::uint32_t slot, std::uint64_t key,
                   const std::function<bool(std::uint32_t)>& is_over) {
  remove(slot);
  if (key == 0) return;
  if (slot >= places_.size()) places_.resize(slot + 1);
  places_[slot].key = key;
  std::uint32_t first = first_.find(key);
  if (first != kNone && is_over(first)) {
    first_.erase(key);
    first = kNone;
  }
  if (first == kNone) {
    first_.insert(key, slot);
  } else if (places_[first].other == kNone) {
    places_[first].other = slot;
    places_[slot].other = first;
  }
}

void EndPairs::remove(std::uint32_t slot) {
  if (key(slot) == 0) return;
  const Place place = std::exchange(places_[slot], {});
  if (place.other != kNone) places_[place.other].other = kNone;
  if (first_.find(place.key) != slot) return;
  first_.erase(place.key);
  if (place.other != kNone) first_.insert(place.key, place.other);
}

}  // namespace sockscope
