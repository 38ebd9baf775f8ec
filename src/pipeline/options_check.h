// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/monitor.h>

namespace sockscope {

// Whether the options make sense: kInvalidArgument says which does not. What they ask for may still
// be refused by the kernel.
Result<void> check_options(const Options& options);

}  // namespace sockscope
