// SPDX-License-Identifier: Apache-2.0
#include "pipeline/zone_names.h"

#include <net/if.h>

#include <string>

#include "base/clock.h"

namespace sockscope {

void ZoneNames::name(Flow& flow) {
  name(flow.local.addr, flow.interface, flow.netns);
  name(flow.remote.addr, flow.interface, flow.netns);
}

void ZoneNames::name(Address& address, std::uint32_t interface, std::uint32_t netns) {
  if (interface != 0 && address.is_of_zone()) address.zone = find(interface, netns);
}

Zone ZoneNames::find(std::uint32_t interface, std::uint32_t netns) {
  if (netns != home_netns_) return Zone(std::to_string(interface));
  constexpr std::uint64_t kSecond = 1'000'000'000;
  if (const std::uint64_t now = mono_now_ns(); now - asked_ns_ >= kSecond) {
    known_.clear();
    asked_ns_ = now;
  }
  const auto [known, is_new] = known_.try_emplace(interface);
  if (is_new) {
    char text[IF_NAMESIZE];
    known->second =
        Zone(::if_indextoname(interface, text) != nullptr ? text : std::to_string(interface));
  }
  return known->second;
}

}  // namespace sockscope
