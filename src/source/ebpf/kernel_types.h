// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/error.h>

#include <string>
#include <vector>

#include "decode/btf.h"

namespace sockscope {

// The running kernel's functions and tracepoints with the names of `targets`, and the types with
// those of `types`. The type information (5 MB) is mapped since Linux 6.16, and read on older
// kernels. Errors: kKernelLacksFeature.
Result<KernelTypes> read_kernel_types(const std::vector<std::string>& targets,
                                      const TypeNames& types);

}  // namespace sockscope
