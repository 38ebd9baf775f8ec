// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/address.h>

#include <optional>
#include <string_view>

namespace sockscope {

// "10.0.0.1", "::1", "[::1]", each with or without "%zone", which is dropped for addresses that
// have no zone. An IPv4-mapped address becomes the IPv4 address it is.
std::optional<Address> parse_address(std::string_view text);

// As packets, and the kernel's lists of interface addresses, have it.
inline Address without_zone(Address address) noexcept {
  address.zone = {};
  return address;
}

}  // namespace sockscope
