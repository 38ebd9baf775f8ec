// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace sockscope {

inline constexpr std::uint32_t kMostPid = 4'194'304;  // PID_MAX_LIMIT

}  // namespace sockscope
