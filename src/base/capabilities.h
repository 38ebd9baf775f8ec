// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace sockscope {

// The effective capabilities of this thread, one bit each (capabilities(7)); works without /proc.
std::uint64_t effective_capabilities() noexcept;

inline bool has_capability(int capability) noexcept {
  return (effective_capabilities() >> capability & 1) != 0;
}

}  // namespace sockscope
