// SPDX-License-Identifier: Apache-2.0
// The namespaces that this process lives in.
#pragma once

#include <cstdint>

namespace sockscope {

// The network namespace of the calling thread, as an inode number; 0: not known.
std::uint32_t home_netns() noexcept;

// The one that the host's first process lives in; 0: not known, as from inside of a container.
std::uint32_t host_netns() noexcept;

// Whether they are those the kernel began with. True as well where /proc does not tell.
bool is_in_first_pid_namespace() noexcept;
bool is_in_first_user_namespace() noexcept;

}  // namespace sockscope
