// SPDX-License-Identifier: Apache-2.0
// A connection as netfilter tracks it.
#pragma once

#include <sockscope/types.h>

namespace sockscope {

// The ends of a connection's packets in one direction, where they enter the host.
struct ConntrackTuple {
  Endpoint source;
  Endpoint destination;
  bool operator==(const ConntrackTuple&) const = default;
};

struct ConntrackEntry {
  Protocol protocol = Protocol::kTcp;
  ConntrackTuple original;  // of the packets from the side that began the connection
  ConntrackTuple reply;     // of the answers

  // True when the reply is not the exact inverse: netfilter changes addresses or ports in the
  // packets.
  bool is_translated() const noexcept {
    return reply.source != original.destination || reply.destination != original.source;
  }
};

}  // namespace sockscope
