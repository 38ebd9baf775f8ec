// SPDX-License-Identifier: Apache-2.0
#include "track/end_pairs.h"

#include <utility>

namespace sockscope {

void EndPairs::put(std::uint32_t slot, std::uint64_t key,
                   const std::function<Relation(std::uint32_t)>& relation) {
  remove(slot);
  if (key == 0) return;
  if (slot >= places_.size()) places_.resize(slot + 1);
  places_[slot].key = key;
  const std::uint32_t first = first_.find(key);
  const Relation its = first == kNone ? Relation::kStranger : relation(first);
  if (its == Relation::kOver) first_.erase(key);
  if (first == kNone || its == Relation::kOver) {
    first_.insert(key, slot);
  } else if (its == Relation::kOther && places_[first].other == kNone) {
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
