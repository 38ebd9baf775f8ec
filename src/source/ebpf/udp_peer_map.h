// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/error.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <unordered_set>
#include <vector>

#include "wire/record.h"

namespace sockscope {

// The kernel programs' map of what unconnected UDP sockets exchanged with each remote end
// (bpf/packets.bpf.c), read in batches. Elements of closed sockets are handed over a last time and
// removed.
class UdpPeerMap {
 public:
  using Handle =
      std::function<void(const wire_udp_peer_key&, const wire_udp_peer&, bool is_closed)>;

  // Descriptors of the map, and of the map with the cookies of closed sockets. They stay the
  // caller's, and must stay open while this is used.
  UdpPeerMap(int peers, int closed) : peers_(peers), closed_(closed) {}

  // Returns how many were removed.
  Result<std::size_t> read(const Handle& handle);

 private:
  int peers_;
  int closed_;
};

}  // namespace sockscope
