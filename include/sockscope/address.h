// SPDX-License-Identifier: Apache-2.0
// Where a socket is. Plain data.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace sockscope {

// An IP address. An IPv4 address mapped into IPv6 is given as the IPv4 address it is.
struct Address {
  std::array<std::uint8_t, 16> bytes{};  // network order; IPv4 uses the first four
  std::uint8_t family = 0;               // 4 or 6

  bool is_unspecified() const noexcept;  // 0.0.0.0 or ::
  bool is_loopback() const noexcept;     // 127.0.0.0/8 or ::1
  // Means the same host in every network: not private (RFC 1918, 4193, 6598), of one link, loopback,
  // multicast or reserved.
  bool is_global() const noexcept;
  bool operator==(const Address&) const = default;
};

struct Endpoint {
  Address addr;
  std::uint16_t port = 0;
  bool operator==(const Endpoint&) const = default;
};

// Numeric text: dotted quad, or RFC 5952. Endpoint: "10.0.0.1:443", "[::1]:443".
std::string to_string(const Address&);
std::string to_string(const Endpoint&);

}  // namespace sockscope
