// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "source/ebpf/refusal.h"

struct bpf_program;

namespace sockscope {

// Asks the kernel, with a program of two instructions, what it would otherwise refuse when all
// programs are loaded together. A probe costs some 50 µs; a refused load costs 100 times that, and
// must be repeated.

// Whether the kernel accepts a program of this name and kind at this target (KernelTarget::id; 0:
// such programs have no target). Returns errno; 0: it does.
int probe_program(const bpf_program* program, std::uint32_t target);

// Whether programs of this kind may not call a helper (BPF_FUNC_…). `program` must be one that the
// kernel accepts.
bool lacks_helper(const bpf_program* program, std::uint32_t target, int helper);

// Why there are no kprobes; an empty refusal when there are.
Refusal probe_door_refusal();

}  // namespace sockscope
