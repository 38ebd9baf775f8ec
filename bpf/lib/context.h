/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The beginning of every context. A program includes one of context_NAME.h, before anything
 * else. */
#ifdef SOCKSCOPE_BPF_CONTEXT_H
#error "a program has one context"
#endif
#define SOCKSCOPE_BPF_CONTEXT_H

#include "bpf/kernel_types.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
