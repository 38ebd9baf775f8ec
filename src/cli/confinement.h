// SPDX-License-Identifier: Apache-2.0
// What the running program can no longer do, whatever mistakes are found in it.
#pragma once

#include <sockscope/error.h>
#include <sockscope/monitor.h>

#include <string>

namespace sockscope {

// What a command does after its start in addition to reading.
struct Allowed {
  bool new_files = false;  // top's `w`: creates a new file, complete or not at all
  bool signals = false;    // top's `k`
  // record: makes, changes and removes files of this folder; empty: none. Where the kernel has no
  // Landlock (5.13), also of others, as far as their modes allow.
  std::string folder = {};
};

// Allows from now on, for the calling thread and those it starts, only the system calls that
// reading and printing need (seccomp(2)). No file can be opened for writing, made, moved, removed
// or changed in its mode; no program can be run; no process can be started, traced or signalled.
// Forbidden calls fail with EPERM; the program is not ended. To be called after drop_privileges(),
// when output files are open. Errors: kKernelLacksFeature; then nothing has changed, and the
// command may go on.
Result<void> confine(const Allowed& allowed = {});

// Gives up the privileges of the start. First root, in favour of the user who called sudo, or else
// of nobody. (Not if is_root_needed: when files that only root may read or write are used later, or
// /proc hides the processes of others.) Then the capabilities (drop_privileges()), then what
// confine() takes, where the kernel has it. Errors: those of drop_privileges().
Result<void> shed_privileges(Source source, bool is_root_needed, const Allowed& allowed = {});

// Whether confine() would work on this kernel.
bool can_confine() noexcept;

}  // namespace sockscope
