// SPDX-License-Identifier: Apache-2.0
// Addresses as other tools print them. Pure.
#pragma once

#include <sockscope/address.h>

#include <optional>
#include <string_view>

namespace sockscope {

// Parses an address (model/address.h), or "*" for any address of `family`; and, after the last
// `separator`, a port, or "*" for none: "10.0.0.1:443", "[::1]:443", "*:80", "127.0.0.53%lo:53";
// with '.': "fe80::1%en0.1024".
std::optional<Endpoint> parse_endpoint(std::string_view text, char separator, std::uint8_t family);

}  // namespace sockscope
