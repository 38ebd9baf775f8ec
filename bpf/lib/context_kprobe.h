/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What programs can do that have only plain addresses: kprobes, iterators over our hash, and
 * programs that look at processes. They copy each member from kernel memory; socket storage and the
 * cookie helper do not accept such pointers. */
#include "bpf/lib/context_copying.h"

#define HAS_STORAGE 0
#define COOKIE(socket) 0
