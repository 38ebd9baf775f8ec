// SPDX-License-Identifier: Apache-2.0
// What the program can no longer do once it runs, whatever is found in it.
#pragma once

#include <sockscope/error.h>
#include <sockscope/monitor.h>

namespace sockscope {

// What a command still does after its start, beside reading.
struct Allowed {
  bool new_files = false;  // top's `w`: a file that is not there yet, whole or not at all
  bool signals = false;    // top's `k`
};

// For the rest of the calling thread and of those it starts: only the system calls that reading and
// printing need (seccomp(2)). No file is opened for writing, made, moved, removed or changed in its
// mode; no program is run; no process is started, traced or signalled. What is not allowed fails
// with EPERM: nothing ends. Call it after drop_privileges(), when what is to be written is open.
// Errors: kKernelLacksFeature; nothing has changed then, and the command may go on.
Result<void> confine(Allowed allowed = {});

// What there is at start is given up: root for who called sudo, or nobody (unless is_root_needed:
// files that only root may read, or write, are wanted later, or /proc hides processes of others),
// then the capabilities (drop_privileges()), then what confine() takes, where the kernel has it.
// Errors: as drop_privileges().
Result<void> shed_privileges(Source source, bool is_root_needed, Allowed allowed = {});

// Whether confine() would work here.
bool can_confine() noexcept;

}  // namespace sockscope
