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

// The kernel side's map of what unconnected UDP sockets exchanged with each remote end
// (bpf/udp.bpf.c), read in batches. Elements of sockets that are closed are handed over a last time
// and taken out.
class UdpPeerMap {
 public:
  using Handle =
      std::function<void(const wire_udp_peer_key&, const wire_udp_peer&, bool is_closed)>;

  // Descriptors of the caller's, open as long as this is used: of the map, and of that of the
  // closed sockets' cookies.
  UdpPeerMap(int peers, int closed) : peers_(peers), closed_(closed) {}

  // Returns how many were taken out.
  Result<std::size_t> read(const Handle& handle);

 private:
  int peers_;
  int closed_;
};

}  // namespace sockscope
