/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "bpf/lib/maps.h"

struct sockets_map sockets SEC(".maps");
struct events_map events SEC(".maps");
struct control_map control SEC(".maps");
const volatile struct wire_config config SEC(".rodata") = {};
volatile __u32 owner_changes = 0;

/* Never read: put the layout of the records into the object's BTF, for tests/wire_abi. */
const volatile struct wire_flow_totals *const totals_layout SEC(".rodata") = NULL;
const volatile struct wire_counters *const counters_layout SEC(".rodata") = NULL;
