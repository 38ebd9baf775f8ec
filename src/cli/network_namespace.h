// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/error.h>

#include <cstdint>

namespace sockscope {

// For root: kInvalidArgument if no name in /run/netns and no process leads to the network namespace
// with that inode number. Others may not inspect every process: for them it always succeeds.
Result<void> check_netns(std::uint32_t inode);

// Moves this process into the network namespace with that inode number, which is found by its name
// in /run/netns or by a process that lives in it. Returns false when this process is already there.
// To be called before anything is opened that belongs to a namespace. Errors: kInvalidArgument when
// it cannot be found, kNotPermitted, kIo.
Result<bool> enter_netns(std::uint32_t inode);

}  // namespace sockscope
