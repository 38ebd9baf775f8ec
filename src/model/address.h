// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/address.h>

#include <optional>
#include <string_view>

namespace sockscope {

// "10.0.0.1", "::1", "[::1]", each with or without "%zone", of which addresses that have none
// forget it. A mapped address is the IPv4 one it is.
std::optional<Address> parse_address(std::string_view text);

// As packets and interfaces' own addresses have it.
inline Address without_zone(Address address) noexcept {
  address.zone = {};
  return address;
}

}  // namespace sockscope
