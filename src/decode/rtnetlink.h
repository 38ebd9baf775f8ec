// SPDX-License-Identifier: Apache-2.0
// The kernel's messages about links, addresses and routes. Pure; lengths in the data are not
// trusted.
#pragma once

#include <sockscope/host.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace sockscope {

struct NetlinkMessage {
  std::uint16_t type = 0;
  std::uint16_t flags = 0;
  std::uint32_t sequence = 0;
  std::span<const std::byte> payload;
};

// Removes the next message from a datagram. Empty at its end, and when the message is longer than
// what is left; the rest is then dropped.
std::optional<NetlinkMessage> take_netlink_message(std::span<const std::byte>& datagram) noexcept;

// NLMSG_ERROR, NLMSG_DONE: the errno value in it; 0: success.
int netlink_error(const NetlinkMessage& message) noexcept;

struct LinkRecord {
  Interface link;  // without addresses, speed, rates
  std::uint32_t flags = 0;
  std::uint32_t carrier_changes = 0;
};
std::optional<LinkRecord> decode_link(std::span<const std::byte> payload);  // RTM_NEWLINK

struct AddressRecord {
  std::uint32_t index = 0;
  InterfaceAddress address;
};
std::optional<AddressRecord> decode_address(std::span<const std::byte> payload);  // RTM_NEWADDR

struct RouteRecord {
  std::uint8_t family = 0;  // 4 or 6
  std::uint8_t prefix = 0;
  std::uint32_t table = 0;
  std::uint32_t priority = 0;
  std::uint32_t index = 0;  // of the interface; 0: none
  std::optional<Address> gateway;
};
// RTM_NEWROUTE; empty for routes that do not forward (local, blackhole, …). If there are several
// paths, the first one with a gateway.
std::optional<RouteRecord> decode_route(std::span<const std::byte> payload);

}  // namespace sockscope
