// SPDX-License-Identifier: Apache-2.0
// The interfaces of macOS, as sysctl(NET_RT_IFLIST2) gives them. Pure: built and fuzzed everywhere.
#pragma once

#include <sockscope/host.h>

#include <cstddef>
#include <span>
#include <vector>

namespace sockscope {

// Without lo0. A message that claims to be shorter than its own head, or longer than what is there,
// ends the walk; what came before it is kept. Byte order: the caller's.
std::vector<Interface> parse_iflist2(std::span<const std::byte> bytes);

}  // namespace sockscope
