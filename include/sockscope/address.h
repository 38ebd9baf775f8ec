// SPDX-License-Identifier: Apache-2.0
// The address of a socket's end. Plain data.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace sockscope {

// The network interface that a link-local address belongs to, by name: "eth0". In a network
// namespace other than sockscope's, the interface's number there serves as its name. A Zone is a
// number into a table that all threads share; the table keeps each name as long as the program
// runs.
class Zone {
 public:
  Zone() = default;
  // The name is cleaned for a terminal. An empty name makes no zone, and so does every new name
  // after 65,535 different ones.
  explicit Zone(std::string_view name);
  std::string_view name() const noexcept;  // empty: no zone; followed by a NUL
  bool operator==(const Zone&) const = default;

 private:
  std::uint16_t number_ = 0;
};

// An IP address. An IPv4 address mapped into IPv6 is given as the IPv4 address it is.
struct Address {
  std::array<std::uint8_t, 16> bytes{};  // network order; IPv4 uses the first four
  std::uint8_t family = 0;               // 4 or 6
  Zone zone{};                           // only where is_of_zone(), and known

  bool is_unspecified() const noexcept;  // 0.0.0.0 or ::
  bool is_loopback() const noexcept;     // 127.0.0.0/8 or ::1
  // The address means the same host in every network: it is not private (RFC 1918, 4193, 6598),
  // link-local, loopback, multicast or reserved.
  bool is_global() const noexcept;
  // An IPv6 address that has a meaning on one link only, and so needs its zone (RFC 4007):
  // fe80::/10, ff02::/16.
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
