// SPDX-License-Identifier: Apache-2.0
// ICMP echo requests and replies, IPv4 and IPv6. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace sockscope {

struct Echo {
  std::uint16_t identifier = 0;
  std::uint16_t sequence = 0;
  std::uint64_t token = 0;  // carried as payload; shows whose request it is
  bool operator==(const Echo&) const = default;
};

inline constexpr std::size_t kEchoSize = 16;
using EchoBytes = std::array<std::byte, kEchoSize>;

// Includes the checksum for IPv4; for IPv6 the kernel computes it. family: 4 or 6.
EchoBytes encode_echo_request(std::uint8_t family, const Echo& echo) noexcept;

// Empty unless the packet is a complete echo reply. `has_ip_header`: raw IPv4 sockets receive it.
std::optional<Echo> decode_echo_reply(std::uint8_t family, bool has_ip_header,
                                      std::span<const std::byte> packet) noexcept;

}  // namespace sockscope
