// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace sockscope::store {

inline constexpr int kApplicationId = 0x736f636b;  // "sock"
// Raised when files are written that earlier versions cannot read.
inline constexpr int kFormat = 1;

extern const char* const kSchema;

}  // namespace sockscope::store
