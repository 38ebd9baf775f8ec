// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/error.h>

namespace sockscope {

// Whether this process may load and attach programs at all; the error names what is missing.
Result<void> check_permission();

// Whether this process may attach programs to cgroups.
bool has_net_admin();

// The likely reason why the kernel refused more than one program.
Error explain_refusal(Error error);

}  // namespace sockscope
