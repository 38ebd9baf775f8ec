// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/types.h>

#include <cstdint>
#include <unordered_map>

namespace sockscope {

// Gives link-local addresses their zone: the interface's name in sockscope's own network namespace,
// its number in others. Names are looked up again after a second.
class ZoneNames {
 public:
  explicit ZoneNames(std::uint32_t home_netns) : home_netns_(home_netns) {}

  // According to the flow's interface and namespace.
  void name(Flow& flow);
  void name(Address& address, std::uint32_t interface, std::uint32_t netns);

 private:
  Zone find(std::uint32_t interface, std::uint32_t netns);

  std::uint32_t home_netns_;
  std::unordered_map<std::uint32_t, Zone> known_;
  std::uint64_t asked_ns_ = 0;
};

}  // namespace sockscope
