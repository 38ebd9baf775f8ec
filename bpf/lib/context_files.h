/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What iterators over files can do: they copy each member from kernel memory, because the sockets that
 * they meet may be plain pointers, but a file's own socket has storage and a cookie. */
#ifdef SOCKSCOPE_BPF_CONTEXT_H
#error "a program has one context"
#endif
#define SOCKSCOPE_BPF_CONTEXT_H

#include "bpf/kernel_types.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define FOLLOWS_POINTERS 0
#define READ(pointer, member) BPF_CORE_READ(pointer, member)
#define TCP_SOCK(sk) ((const struct tcp_sock *)(sk)) /* of a full socket only */
#define HAS_STORAGE 1
#define COOKIE(socket) (config.has_cookies ? bpf_get_socket_cookie(socket) : 0)
