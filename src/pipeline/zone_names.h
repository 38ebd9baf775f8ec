// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/types.h>

#include <cstdint>
#include <unordered_map>

namespace sockscope {

// Gives addresses of one link their zone: the name of the interface in sockscope's own network
// namespace, its number in others. Names are asked for anew after a second.
class ZoneNames {
 public:
  explicit ZoneNames(std::uint32_t home_netns) : home_netns_(home_netns) {}

  // By the flow's interface and namespace.
  void name(Flow& flow);
  void name(Address& address, std::uint32_t interface, std::uint32_t netns);

 private:
  Zone find(std::uint32_t interface, std::uint32_t netns);

  std::uint32_t home_netns_;
  std::unordered_map<std::uint32_t, Zone> known_;
  std::uint64_t asked_ns_ = 0;
};

}  // namespace sockscope
