// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/error.h>

namespace sockscope {

// Whether this process can load and attach at all; the error names what is missing.
Result<void> check_permission();

// Whether this process may attach programs to control groups.
bool has_net_admin();

// What the kernel meant by refusing more than one program.
Error explain_refusal(Error error);

}  // namespace sockscope
