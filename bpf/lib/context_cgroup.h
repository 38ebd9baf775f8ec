/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What programs of control groups can do: the socket is known, but few of its members may be read, so
 * each is copied from kernel memory. */
#include "bpf/lib/context_copying.h"

#define HAS_STORAGE 1
#define COOKIE(socket) bpf_get_socket_cookie(socket)
