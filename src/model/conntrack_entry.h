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
  ConntrackTuple original;  // of who began it
  ConntrackTuple reply;     // of the answers

  // Not the mere inverse: netfilter puts other addresses or ports into the packets.
  bool is_translated() const noexcept {
    return reply.source != original.destination || reply.destination != original.source;
  }
};

}  // namespace sockscope
