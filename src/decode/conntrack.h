// SPDX-License-Identifier: Apache-2.0
// What the kernel's connection tracking says of one connection. Pure; lengths are not believed.
#pragma once

#include <sockscope/types.h>

#include <cstddef>
#include <optional>
#include <span>

namespace sockscope {

// The ends of a connection's packets in one direction, where they enter the host.
struct ConntrackTuple {
  Endpoint source;
  Endpoint destination;
  bool operator==(const ConntrackTuple&) const = default;
};

struct ConntrackEntry {
  Protocol protocol = Protocol::kTcp;
  ConntrackTuple original;  // of who began it
  ConntrackTuple reply;     // of the answers

  // Not the mere inverse: netfilter puts other addresses or ports into the packets.
  bool is_translated() const noexcept {
    return reply.source != original.destination || reply.destination != original.source;
  }
};

// The payload of an IPCTNL_MSG_CT_NEW or _DELETE. Empty: neither TCP nor UDP, a zone of its own (in which
// the same addresses mean something else), or not whole.
std::optional<ConntrackEntry> decode_conntrack(std::span<const std::byte> payload);

}  // namespace sockscope
