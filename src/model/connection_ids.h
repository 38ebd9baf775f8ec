// SPDX-License-Identifier: Apache-2.0
// Names of connections that are the same at both ends: docs/decisions/0018.
#pragma once

#include <sockscope/types.h>

#include <cstdint>
#include <optional>
#include <string_view>

namespace sockscope {

// The initial sequence numbers of a TCP connection. Both 0: not known.
struct Isns {
  std::uint32_t local = 0;
  std::uint32_t remote = 0;
};

class ConnectionIds {
 public:
  // boot_id: what tells this host from all others. Two hosts may have equal loopback connections.
  ConnectionIds(const ConnectionKey& key, std::string_view boot_id) noexcept
      : key_(key), host_(hash(boot_id)) {}

  ConnectionId of_tcp(const Isns& isns) const noexcept;
  // kUnknown: it is not connected UDP, or its local address is not known.
  ConnectionId of_udp(const Flow& flow) const noexcept;

 private:
  std::uint64_t hash(std::string_view bytes) const noexcept;

  ConnectionKey key_;
  std::uint64_t host_;
};

// A name as 16 hexadecimal digits.
std::optional<ConnectionId> parse_connection_id(std::string_view text) noexcept;

// The key of a host that was given none.
ConnectionKey host_connection_key(std::string_view machine_id, std::string_view boot_id) noexcept;

}  // namespace sockscope
