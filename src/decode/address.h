// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/types.h>

#include <array>
#include <cstdint>
#include <cstring>

namespace sockscope {

// Both addresses of a socket, in network order: 4 bytes each, 16 for IPv6 sockets. When either is
// IPv4-mapped, both become IPv4: the other one is mapped too, or unspecified.
inline void set_addresses(bool is_ipv6, const std::uint8_t* local, const std::uint8_t* remote,
                          Flow& flow) noexcept {
  constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  const auto is_mapped = [&](const std::uint8_t* bytes) {
    return std::memcmp(bytes, kMapped.data(), kMapped.size()) == 0;
  };
  const bool mapped = is_ipv6 && (is_mapped(local) || is_mapped(remote));
  const auto set = [&](const std::uint8_t* bytes, Address& address) {
    address = {};
    if (is_ipv6 && !mapped) {
      address.family = 6;
      std::memcpy(address.bytes.data(), bytes, 16);
    } else {
      address.family = 4;
      std::memcpy(address.bytes.data(), bytes + (mapped ? 12 : 0), 4);
    }
  };
  set(local, flow.local.addr);
  set(remote, flow.remote.addr);
}

}  // namespace sockscope
