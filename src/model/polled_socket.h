// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/types.h>

#include <cstdint>
#include <optional>

namespace sockscope {

// A socket as the kernel's socket tables show it. They name the user, but not the process; only
// what the kernel programs show has a process, too.
struct PolledSocket {
  Flow flow;
  std::uint64_t inode = 0;        // of the open file; 0: no process holds one, not yet or no longer
  std::uint64_t acked_bytes = 0;  // TCP, as the kernel counts it: including SYN and FIN
  // For a listening socket: how many connections wait to be accepted, how many may, and how many
  // the socket has dropped since it was created (empty: not asked for).
  std::uint32_t waiting = 0;
  std::uint32_t backlog = 0;
  std::optional<std::uint32_t> drops;
};

}  // namespace sockscope
