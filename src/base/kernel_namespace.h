// SPDX-License-Identifier: Apache-2.0
// Whether this process lives in the namespaces the kernel began with.
#pragma once

namespace sockscope {

// True as well where /proc does not tell.
bool is_in_first_pid_namespace() noexcept;
bool is_in_first_user_namespace() noexcept;

}  // namespace sockscope
