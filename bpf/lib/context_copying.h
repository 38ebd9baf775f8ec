/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The part that all contexts share whose programs copy each member from kernel memory. */
#include "bpf/lib/context.h"

#define FOLLOWS_POINTERS 0
#define READ(pointer, member) BPF_CORE_READ(pointer, member)
#define TCP_SOCK(sk) ((const struct tcp_sock *)(sk)) /* only for a full socket */
