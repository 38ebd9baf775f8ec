// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/error.h>

#include <string>
#include <vector>

#include "decode/btf.h"

namespace sockscope {

// The running kernel's functions and tracepoints of these names (see KernelTargets). From 6.16 on
// its type information (5 MB) is mapped, before it is read. Errors: kKernelLacksFeature.
Result<KernelTargets> read_kernel_targets(const std::vector<std::string>& names);

}  // namespace sockscope
