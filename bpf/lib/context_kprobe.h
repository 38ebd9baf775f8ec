/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What programs can do that know addresses and nothing else: kprobes, iterators over our hash, and those
 * that look at processes. They copy each member from kernel memory, and neither storage nor the helper for
 * cookies takes such a pointer. */
#include "bpf/lib/context_copying.h"

#define HAS_STORAGE 0
#define COOKIE(socket) 0
