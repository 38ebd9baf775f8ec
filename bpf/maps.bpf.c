/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "bpf/lib/maps.h"

struct sockets_map sockets SEC(".maps");
struct states_map states SEC(".maps");
struct listeners_map listeners SEC(".maps");
struct events_map events SEC(".maps");
struct control_map control SEC(".maps");
struct noted_uses_map noted_uses SEC(".maps");
struct handled_changes_map handled_changes SEC(".maps");
struct refusal_turns_map refusal_turns SEC(".maps");
struct udp_peers_map udp_peers SEC(".maps");
struct closed_udp_map closed_udp SEC(".maps");
struct asked_servers_map asked_servers SEC(".maps");
volatile __u32 owner_changes = 0;
volatile __u8 openings[1 << OPENINGS_BITS] = {};
const volatile struct wire_config config SEC(".rodata") = {};

/* Never read. They put the layout of the records into the object's BTF, for tests/wire_abi. */
const volatile struct wire_flow_totals *const totals_layout SEC(".rodata") = NULL;
const volatile struct wire_retransmit *const retransmit_layout SEC(".rodata") = NULL;
const volatile struct wire_listener *const listener_layout SEC(".rodata") = NULL;
const volatile struct wire_counters *const counters_layout SEC(".rodata") = NULL;
const volatile struct wire_exec *const exec_layout SEC(".rodata") = NULL;
const volatile struct wire_process_change *const change_layout SEC(".rodata") = NULL;
const volatile struct wire_dns *const dns_layout SEC(".rodata") = NULL;
const volatile struct wire_holder *const holder_layout SEC(".rodata") = NULL;
const volatile struct wire_udp_peer_key *const udp_peer_key_layout SEC(".rodata") = NULL;
const volatile struct wire_udp_peer *const udp_peer_layout SEC(".rodata") = NULL;
const volatile struct wire_datagram *const datagram_layout SEC(".rodata") = NULL;
