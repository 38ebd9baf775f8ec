/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What programs can do whose pointers the verifier knows and allows them to follow: typed
 * tracepoints, fentry and fexit, iterators over sockets. A program includes one context, before
 * anything else. */
#include "bpf/lib/context.h"

#define FOLLOWS_POINTERS 1
#define READ(pointer, member) ((pointer)->member)
#define TCP_SOCK(sk) ((const struct tcp_sock *)bpf_skc_to_tcp_sock((void *)(sk)))
#define HAS_STORAGE 1
#define COOKIE(socket) (config.has_cookies ? bpf_get_socket_cookie(socket) : 0)
