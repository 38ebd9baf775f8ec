// SPDX-License-Identifier: Apache-2.0
// The interfaces of macOS, as sysctl(NET_RT_IFLIST2) returns them. Pure, so it is built and fuzzed
// on every platform.
#pragma once

#include <sockscope/host.h>

#include <cstddef>
#include <span>
#include <vector>

namespace sockscope {

// All interfaces except lo0. A message that claims to be shorter than its header, or longer than
// the remaining bytes, ends the reading; the messages before it are kept. Byte order: the caller's.
std::vector<Interface> parse_iflist2(std::span<const std::byte> bytes);

}  // namespace sockscope
