// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "source/ebpf/observations.h"

namespace sockscope {

// What to do so that a door that was refused for this reason opens; empty: nothing is known.
std::string advice_for(DoorKind kind, std::string_view reason);

}  // namespace sockscope
