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

  // Gives a slot its key, instead of the one that it had; 0: none. is_over: whether the connection
  // in another slot has ended, so that its key may be used again.
  void put(std::uint32_t slot, std::uint64_t key,
           const std::function<bool(std::uint32_t)>& is_over);
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
