// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/monitor.h>

namespace sockscope {

// Whether the options are consistent; kInvalidArgument says which are not. The kernel may still
// refuse what they ask for.
Result<void> check_options(const Options& options);

}  // namespace sockscope
