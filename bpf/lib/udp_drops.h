/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Datagrams that were counted as received although the kernel then dropped them, for want of room
 * or another fault. The kernel counts those drops, but only after we have counted the datagram. */
#ifndef SOCKSCOPE_BPF_UDP_DROPS_H
#define SOCKSCOPE_BPF_UDP_DROPS_H

#include "bpf/lib/access.h"
#include "bpf/lib/maps.h"

/* Reads kernel memory, so every kind of program can call it. */
static __always_inline __u32 read_drops(const struct sock *sk) {
  struct numa_drop_counters *counters = NULL;
  if (bpf_core_field_exists(struct sock___numa, sk_drop_counters))
    counters = BPF_CORE_READ((const struct sock___numa *)sk, sk_drop_counters);
  if (counters)
    return (__u32)BPF_CORE_READ(counters, drops0.counter) +
           (__u32)BPF_CORE_READ(counters, drops1.counter);
  return (__u32)BPF_CORE_READ(sk, sk_drops.counter);
}

/* How many bytes and datagrams were counted too many; 0: none. The drop is that of the datagram
 * before this one. When several processors deliver to one socket at once, it may have been another
 * one, of another size. */
static __always_inline __u32 late_drops(const struct socket_state *state, __u32 drops, __u64 *bytes) {
  __u64 dropped = drops - state->drops;
  __u64 datagrams = dropped * state->last_datagrams;
  *bytes = dropped * state->last_size;
  /* More drops than we counted: some are older than our counting. */
  return datagrams > state->rx_datagrams || *bytes > state->rx_bytes ? 0 : (__u32)datagrams;
}

static __always_inline void take_off_drops(struct socket_state *state, __u32 drops) {
  if (drops == state->drops)
    return;
  __u64 bytes;
  __u32 datagrams = late_drops(state, drops, &bytes);
  state->drops = drops;
  if (!datagrams)
    return;
  __sync_fetch_and_add(&state->rx_datagrams, -(__u64)datagrams);
  __sync_fetch_and_add(&state->rx_bytes, -bytes);
}

/* The same for a record about the socket. Only a packet may change the socket's state. */
static __always_inline void take_off_late_drops(struct wire_flow_totals *record,
                                                const struct socket_state *state,
                                                const struct sock *sk) {
  if (!state || !(config.udp_in_packets & WIRE_UDP_RECEIVED))
    return;
  __u32 drops = read_drops(sk);
  __u64 bytes;
  __u32 datagrams = drops == state->drops ? 0 : late_drops(state, drops, &bytes);
  if (!datagrams)
    return;
  record->rx_bytes -= bytes;
  record->rx_segments -= datagrams;
}

#endif
