// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/error.h>

#include <string>
#include <vector>

#include "decode/btf.h"

namespace sockscope {

// The running kernel's functions and tracepoints with these names (see KernelTargets). The type
// information (5 MB) is mapped since Linux 6.16, and read on older kernels. Errors:
// kKernelLacksFeature.
Result<KernelTargets> read_kernel_targets(const std::vector<std::string>& names);

}  // namespace sockscope
