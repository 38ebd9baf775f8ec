// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/types.h>

#include <cstdint>

namespace sockscope {

// What an unconnected UDP socket exchanged with one remote end, as counted by the kernel programs.
struct UdpPeer {
  std::uint64_t socket = 0;  // its cookie
  Endpoint remote;
  std::uint32_t interface = 0;  // for an address that is_of_zone()
  std::uint64_t since_ns = 0;   // CLOCK_MONOTONIC of the first datagram
  Counters counters;
  bool socket_closed = false;  // these figures are final
};

}  // namespace sockscope
