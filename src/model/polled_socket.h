// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/types.h>

#include <cstdint>
#include <optional>

namespace sockscope {

// A socket as a table of the kernel shows it to whoever asks. Its owner is not among what it tells,
// but for the user.
struct PolledSocket {
  Flow flow;
  std::uint64_t inode = 0;        // of the open file; 0: no process holds one (yet, or any more)
  std::uint64_t acked_bytes = 0;  // TCP, as the kernel counts them: with SYN and FIN
  // Of a listening socket: connections that wait to be accepted, how many may, and what the socket
  // dropped since it was made (empty: not asked for).
  std::uint32_t waiting = 0;
  std::uint32_t backlog = 0;
  std::optional<std::uint32_t> drops;
};

}  // namespace sockscope
