// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/error.h>

#include <cstdint>

namespace sockscope {

// Whether it moved: false where it is there already. Moves this process into the network namespace
// with that inode number, found by its name in /run/netns or by a process that lives in it. Before
// anything is opened that belongs to one. Errors: kInvalidArgument when nobody shows it,
// kNotPermitted, kIo.
Result<bool> enter_netns(std::uint32_t inode);

}  // namespace sockscope
