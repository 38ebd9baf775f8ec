/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What iterators over files can do. They copy each member from kernel memory, because some sockets
 * that they reach are plain pointers; a file's own socket has storage and a cookie. */
#include "bpf/lib/context_copying.h"

#define HAS_STORAGE 1
#define COOKIE(socket) (config.has_cookies ? bpf_get_socket_cookie(socket) : 0)
