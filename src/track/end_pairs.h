// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "track/cookie_index.h"

namespace sockscope {

// Which two slots of a table are the ends of one connection: those with the same key. A third one
// with that key has no other end.
class EndPairs {
 public:
  static constexpr std::uint32_t kNone = CookieIndex::kNone;

  // What another slot with the same key is to this one.
  enum class Relation {
    kOther,     // may be the other end
    kOver,      // of a connection that has ended, so that its key is used again
    kStranger,  // neither
  };
  // Gives a slot its key, instead of the one that it had; 0: none.
  void put(std::uint32_t slot, std::uint64_t key,
           const std::function<Relation(std::uint32_t)>& relation);
  void remove(std::uint32_t slot);

  std::uint64_t key(std::uint32_t slot) const noexcept {
    return slot < places_.size() ? places_[slot].key : 0;
  }
  std::uint32_t other(std::uint32_t slot) const noexcept {
    return slot < places_.size() ? places_[slot].other : kNone;
  }

 private:
  struct Place {
    std::uint64_t key = 0;
    std::uint32_t other = kNone;
  };
  std::vector<Place> places_;  // by slot
  CookieIndex first_;          // by key
};

}  // namespace sockscope
