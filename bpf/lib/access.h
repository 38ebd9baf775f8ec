/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Reading the kernel's structures. Bodies are written once and compiled for two kinds of program:
 * those whose pointers the verifier knows and lets them follow, and those (POINTERS_ARE_PLAIN:
 * kprobes, cgroup programs) that must copy each member from kernel memory. */
#ifndef SOCKSCOPE_BPF_ACCESS_H
#define SOCKSCOPE_BPF_ACCESS_H

#include "bpf/kernel_types.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#ifdef POINTERS_ARE_PLAIN
#define READ(pointer, member) BPF_CORE_READ(pointer, member)
#define READ_ADDRESS(to, pointer, member) bpf_probe_read_kernel(to, 16, &(pointer)->member)
#define TCP_SOCK(sk) ((const struct tcp_sock *)(sk)) /* of a full socket only */
#else
#define READ(pointer, member) ((pointer)->member)
#define READ_ADDRESS(to, pointer, member) __builtin_memcpy(to, &(pointer)->member, 16)
#define TCP_SOCK(sk) ((const struct tcp_sock *)bpf_skc_to_tcp_sock((void *)(sk)))
#endif

/* The verifier wants constant offsets into a context. Each of these is another instruction, so that
 * the compiler does not make one load of two branches that differ in the offset. */
#define KEEP_APART(number) asm volatile("r0 = " #number ::: "r0")

/* Read as kernel memory even where the verifier would follow the pointer itself: it looks each
 * pointer type up in the whole of the kernel's BTF, which makes loading slow. */
static __always_inline __u32 read_netns(const struct sock_common *common) {
  return BPF_CORE_READ(common, skc_net.net, ns.inum);
}

#endif
