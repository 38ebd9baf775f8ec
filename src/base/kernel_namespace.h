// SPDX-License-Identifier: Apache-2.0
// The namespaces that this process lives in.
#pragma once

#include <cstdint>

namespace sockscope {

// The network namespace of the calling thread, as an inode number; 0: not known.
std::uint32_t home_netns() noexcept;

// The network namespace of the host's first process; 0: not known, for example in a container.
std::uint32_t host_netns() noexcept;

// Whether it is the namespace that the kernel started with. Also true where /proc does not say.
bool is_in_first_pid_namespace() noexcept;
bool is_in_first_user_namespace() noexcept;

}  // namespace sockscope
