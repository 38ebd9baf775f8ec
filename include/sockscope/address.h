// SPDX-License-Identifier: Apache-2.0
// Where a socket is. Plain data.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace sockscope {

// The network interface that an address of one link belongs to, by name: "eth0". In a network
// namespace other than sockscope's the interface's number there is its name. Copies are numbers of
// a table that all threads share and that keeps each name as long as the program runs.
class Zone {
 public:
  Zone() = default;
  // Cleaned for a terminal; empty, and all new names after 65,535 different ones: none.
  explicit Zone(std::string_view name);
  std::string_view name() const noexcept;  // empty: none; ends with a NUL
  bool operator==(const Zone&) const = default;

 private:
  std::uint16_t number_ = 0;
};

// An IP address. An IPv4 address mapped into IPv6 is given as the IPv4 address it is.
struct Address {
  std::array<std::uint8_t, 16> bytes{};  // network order; IPv4 uses the first four
  std::uint8_t family = 0;               // 4 or 6
  Zone zone{};                           // of is_of_zone() only, where it is known

  bool is_unspecified() const noexcept;  // 0.0.0.0 or ::
  bool is_loopback() const noexcept;     // 127.0.0.0/8 or ::1
  // Means the same host in every network: not private (RFC 1918, 4193, 6598), of one link,
  // loopback, multicast or reserved.
  bool is_global() const noexcept;
  // IPv6 that means something on one link only, so with its zone (RFC 4007): fe80::/10, ff02::/16.
  bool is_of_zone() const noexcept;
  bool operator==(const Address&) const = default;
};

struct Endpoint {
  Address addr;
  std::uint16_t port = 0;
  bool operator==(const Endpoint&) const = default;
};

// Numeric text: dotted quad, or RFC 5952 with the zone: "fe80::1%eth0". Endpoint: "10.0.0.1:443",
// "[::1]:443", "[fe80::1%eth0]:443".
std::string to_string(const Address&);
std::string to_string(const Endpoint&);

}  // namespace sockscope
