/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What cgroup programs can do: they get the socket, but may read only a few of its members, so each
 * member is copied from kernel memory. */
#include "bpf/lib/context_copying.h"

#define HAS_STORAGE 1
#define COOKIE(socket) bpf_get_socket_cookie(socket)
