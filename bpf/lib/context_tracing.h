/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What programs can do whose pointers the verifier knows and lets them follow: tracepoints with types,
 * fentry and fexit, iterators over sockets. A program includes one context, before anything else. */
#ifdef SOCKSCOPE_BPF_CONTEXT_H
#error "a program has one context"
#endif
#define SOCKSCOPE_BPF_CONTEXT_H

#include "bpf/kernel_types.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define FOLLOWS_POINTERS 1
#define READ(pointer, member) ((pointer)->member)
#define TCP_SOCK(sk) ((const struct tcp_sock *)bpf_skc_to_tcp_sock((void *)(sk)))
#define HAS_STORAGE 1
#define COOKIE(socket) (config.has_cookies ? bpf_get_socket_cookie(socket) : 0)
