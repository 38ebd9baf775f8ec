// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "source/ebpf/refusal.h"

struct bpf_program;

namespace sockscope {

// Asks the kernel with a program of two instructions, which costs some 50 µs, what it would else
// refuse when all programs are loaded together, which costs 100 times that and must then be done
// again.

// Whether it takes a program of this name and kind at this target (KernelTarget::id; 0: such
// programs have none). Returns errno; 0: it does.
int probe_program(const bpf_program* program, std::uint32_t target);

// Whether programs of this kind may not call a helper (BPF_FUNC_…). Needs one that it takes.
bool lacks_helper(const bpf_program* program, std::uint32_t target, int helper);

// Why there are no kprobes; none when there are.
Refusal probe_door_refusal();

}  // namespace sockscope
