/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The maps and settings that all programs share, defined in maps.bpf.c. The files are compiled one
 * by one and linked into one object, so that the kernel's BTF is read once. */
#ifndef SOCKSCOPE_BPF_MAPS_H
#define SOCKSCOPE_BPF_MAPS_H

#include "bpf/kernel_types.h"

#include <bpf/bpf_helpers.h>

#include "wire/control.h"
#include "wire/record.h"

/* What sockscope remembers of a socket in addition to what the kernel counts. Only the kernel side
 * uses it. */
struct socket_state {
  __u64 identity; /* only when config.state_in_hash: the cookie, or a number of our own */
  __u64 since_ns; /* monotonic: SYN, then establishment, or creation; 0: older than sockscope */
  __u64 process_start_ns;
  __u64 cgroup_id;
  union {
    __u64 tx_bytes; /* UDP, like the next three: the kernel keeps no such counters */
    struct {        /* TCP */
      __u32 told_retransmits; /* as last reported, where two programs may see the same one */
      __u8 told_state;        /* the last change that was handled */
    };
  };
  union {
    __u64 rx_bytes;
    struct { /* TCP, with config.late_openings */
      __u32 latency_us;
      __u8 opened_in; /* the TCP state in which it opened under our eyes; 0: it did not */
      __u8 is_shown;  /* a pass has shown its owner, so changes are reported */
    };
  };
  __u64 tx_datagrams;
  __u64 rx_datagrams;
  __u64 owner_changed_ns;
  __u32 pid;
  __u32 opener_pid;
  __u32 uid;
  __u32 netns;
  __u16 owner_changes;
  __u8 owner;     /* WIRE_OWNER_ */
  __u8 direction; /* WIRE_DIRECTION_ */
  __u8 has_peers; /* UDP, with config.udp_peers */
  __u8 told_datagrams;
  __u16 held_pass;      /* the latest pass over open files that found the owner with it */
  __u32 drops;          /* UDP counted in packets: the kernel's count of drops at the last packet */
  __u32 last_size : 20; /* bytes and datagrams of that packet */
  __u32 last_datagrams : 12;
  char comm[16];
};

/* Lives with its socket: the kernel creates it, copies it from the listener, and frees it. */
struct sockets_map {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
  __type(key, int);
  __type(value, struct socket_state);
};
extern struct sockets_map sockets SEC(".maps");

/* The same state by the socket's address, where a program cannot reach storage (kprobes; before
 * Linux 5.11 any tracing program). User space sets the sizes; 1 means not in use. */
struct states_map {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1);
  __type(key, __u64);
  __type(value, struct socket_state);
};
extern struct states_map states SEC(".maps");

struct listener_key {
  __u32 netns;
  __u16 port;
  __u16 pad0;
};
struct listeners_map {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1);
  __type(key, struct listener_key);
  __type(value, struct socket_state);
};
extern struct listeners_map listeners SEC(".maps");

struct events_map {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 4096); /* user space sets the size before loading */
};
extern struct events_map events SEC(".maps");

struct control_map {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct wire_control);
};
extern struct control_map control SEC(".maps");

/* Which process each processor last saw using which connection. It is nearly always the same
 * process again, and looking up the socket's state costs more than the rest of the hook. Any change
 * of owner makes all entries stale. */
#define NOTED_USES 1024

struct noted_use {
  __u64 cookie;
  __u32 pid;
  __u32 owner_changes; /* the value of `owner_changes` at that time */
};
struct noted_uses_map {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, NOTED_USES);
  __type(key, __u32);
  __type(value, struct noted_use);
};
extern struct noted_uses_map noted_uses SEC(".maps");

/* The change of state that each processor handled last, until the second of its two programs has
 * run (bpf/lib/lifecycle.h). */
struct handled_change {
  __u64 socket;
  __u64 state;
};
struct handled_changes_map {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct handled_change);
};
extern struct handled_changes_map handled_changes SEC(".maps");

/* How many refused attempts each processor reported in the current turn (bpf/lib/refusal.h). */
struct refusal_turn {
  __u64 began_ns;
  __u32 told;
  __u32 untold; /* since the last one that was reported */
};
struct refusal_turns_map {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct refusal_turn);
};
extern struct refusal_turns_map refusal_turns SEC(".maps");

/* What an unconnected UDP socket exchanged with one remote end. User space sets the size, reads the
 * map in batches and removes the entries of closed sockets. */
struct udp_peers_map {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 1);
  __type(key, struct wire_udp_peer_key);
  __type(value, struct wire_udp_peer);
};
extern struct udp_peers_map udp_peers SEC(".maps");

/* Cookies of closed sockets that had entries in udp_peers. */
struct closed_udp_map {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 1);
  __type(key, __u64);
  __type(value, __u8);
};
extern struct closed_udp_map closed_udp SEC(".maps");

/* The name server that an unconnected UDP socket asked last, by the socket's cookie. */
struct asked_server {
  __u8 address[16];
};
struct asked_servers_map {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 1);
  __type(key, __u64);
  __type(value, struct asked_server);
};
extern struct asked_servers_map asked_servers SEC(".maps");

/* Incremented each time a socket passes from one process to another. */
extern volatile __u32 owner_changes;

/* With config.late_openings: the pass (wire_control.pass) during or after which a connection with
 * these ports was established last. */
#define OPENINGS_BITS 14
extern volatile __u8 openings[1 << OPENINGS_BITS];

extern const volatile struct wire_config config;

static __always_inline struct wire_control *get_control(void) {
  __u32 zero = 0;
  return bpf_map_lookup_elem(&control, &zero);
}

#endif
