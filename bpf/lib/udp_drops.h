/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Datagrams that were counted as received although the kernel then found no room for them, or another
 * fault. It counts those itself, after we have counted them. */
#ifndef SOCKSCOPE_BPF_UDP_DROPS_H
#define SOCKSCOPE_BPF_UDP_DROPS_H

#include "bpf/lib/access.h"
#include "bpf/lib/maps.h"

/* Read as kernel memory, by all. */
static __always_inline __u32 read_drops(const struct sock *sk) {
  struct numa_drop_counters *counters = NULL;
  if (bpf_core_field_exists(struct sock___numa, sk_drop_counters))
    counters = BPF_CORE_READ((const struct sock___numa *)sk, sk_drop_counters);
  if (counters)
    return (__u32)BPF_CORE_READ(counters, drops0.counter) +
           (__u32)BPF_CORE_READ(counters, drops1.counter);
  return (__u32)BPF_CORE_READ(sk, sk_drops.counter);
}

/* Bytes and datagrams that are counted too much; 0: none. Between two datagrams of a socket it is the
 * former that was dropped. When several processors deliver to one socket at once it may have been
 * another, of another size. */
static __always_inline __u32 late_drops(const struct socket_state *state, __u32 drops, __u64 *bytes) {
  __u64 dropped = drops - state->drops;
  __u64 datagrams = dropped * state->last_datagrams;
  *bytes = dropped * state->last_size;
  /* More: from before we counted. */
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

/* The same for what is told of the socket. Only a packet changes its state. */
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
