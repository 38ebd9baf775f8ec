/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Filling records and sending them. */
#ifndef SOCKSCOPE_BPF_EMIT_H
#define SOCKSCOPE_BPF_EMIT_H

#include "bpf/lib/access.h"
#include "bpf/lib/maps.h"

#include <bpf/bpf_endian.h>

static __always_inline void *reserve(__u16 type, __u64 size) {
  void *record = bpf_ringbuf_reserve(&events, size, 0);
  if (!record) {
    struct wire_control *shared = get_control();
    if (shared)
      __sync_fetch_and_add(&shared->lost_ring[type & 31], 1);
  }
  return record;
}

/* `owned`: any aligned word that this program may write. */
static __always_inline void full_barrier(__u64 *owned) {
#ifdef __TARGET_ARCH_x86 /* Linux 5.10 has no atomic that returns a value; this is a barrier */
  asm volatile("r0 = 0\n lock *(u64 *)(%0 + 0) += r0" ::"r"(owned) : "r0", "memory");
#else
  __u64 same = __sync_fetch_and_add(owned, 0);
  asm volatile("" ::"r"(same));
#endif
}

/* A wake-up costs the traced process microseconds, so only the first record after the reader went
 * to sleep causes one. The reader sets reader_waiting before its last look at the ring, and this
 * function reads the flag after it has reserved its record, so at least one of the two sees the
 * other. The atomic operation on our own record is the full barrier that this needs. */
static __always_inline void submit(void *record) {
  struct wire_control *shared = get_control();
  full_barrier(&((struct wire_header *)record)->mono_ns);
  __u64 flags = BPF_RB_NO_WAKEUP;
  if (shared && *(volatile __u32 *)&shared->reader_waiting) {
    *(volatile __u32 *)&shared->reader_waiting = 0;
    flags = BPF_RB_FORCE_WAKEUP;
  }
  bpf_ringbuf_submit(record, flags);
}

static __always_inline void fill_header(struct wire_flow *record, __u16 type, __u16 size,
                                        __u32 netns, __u64 now_ns) {
  record->header.type = type;
  record->header.size = size;
  record->header.netns = netns;
  record->header.mono_ns = now_ns;
}

static __always_inline void fill_owner(struct wire_flow *record, const struct socket_state *state) {
  if (state) {
    record->since_ns = state->since_ns;
    record->cgroup_id = state->cgroup_id;
    record->process_start_ns = state->process_start_ns;
    record->direction = state->direction;
    record->owner = state->owner;
    record->pid = state->pid;
    record->opener_pid = state->opener_pid;
    record->uid = state->owner == WIRE_OWNER_UNKNOWN ? WIRE_UID_UNKNOWN : state->uid;
    __builtin_memcpy(record->comm, state->comm, sizeof(record->comm));
  } else {
    record->since_ns = 0;
    record->cgroup_id = 0;
    record->process_start_ns = 0;
    record->direction = WIRE_DIRECTION_UNKNOWN;
    record->owner = WIRE_OWNER_UNKNOWN;
    record->pid = 0;
    record->opener_pid = 0;
    record->uid = WIRE_UID_UNKNOWN;
    __builtin_memset(record->comm, 0, sizeof(record->comm));
  }
  record->old_state = 0;
  record->value = 0;
  record->extra = 0;
  record->local_isn = 0;
  record->remote_isn = 0;
}

/* For WIRE_SOCKET and WIRE_CLOSE, of TCP. */
static __always_inline void fill_opening(struct wire_flow *record,
                                         const struct socket_state *state) {
  if (config.late_openings && state && state->opened_in) {
    record->value = state->latency_us;
    record->extra = state->opened_in;
  }
}

/* With config.late_openings, until a pass has shown a connection nothing is reported of its owner:
 * the pass or the close will. The owner is changed before is_shown is read, and the pass sets
 * is_shown before it reads the owner; so at least one of the two reports the change. */
static __always_inline bool reports_owner(struct socket_state *state) {
  if (!config.late_openings)
    return true;
  full_barrier(&state->owner_changed_ns);
  return *(volatile __u8 *)&state->is_shown;
}

static __always_inline void note_shown(struct socket_state *state) {
  if (!config.late_openings || state->is_shown)
    return;
  *(volatile __u8 *)&state->is_shown = 1;
  full_barrier(&state->owner_changed_ns);
}

static __always_inline volatile __u8 *opening_of(const struct sock_common *common) {
  __u32 ports = (__u32)READ(common, skc_num) << 16 | READ(common, skc_dport);
  return &openings[ports * 0x9e3779b1u >> (32 - OPENINGS_BITS)];
}

static __always_inline __u16 interface_number(__u32 index) {
  return index > 0xffff ? 0 : (__u16)index;
}

/* Works for every kind of socket that starts with sock_common: full, request and TIME_WAIT. */
static __always_inline void fill_address(struct wire_flow *record, const struct sock_common *common) {
#if FOLLOWS_POINTERS
#define MEMBER(member) (&common->member)
#else
  /* One copy of all members instead of six. On a kernel where a member lies beyond it, the verifier
   * refuses the program. */
  __u8 copy[96];
  bpf_probe_read_kernel(copy, sizeof(copy), common);
#define MEMBER(member) \
  ((const typeof(common->member) *)(copy + bpf_core_field_offset(common->member)))
#endif
  record->family = (__u8)*MEMBER(skc_family);
  record->state = *MEMBER(skc_state);
  record->local_port = *MEMBER(skc_num);
  record->remote_port = bpf_ntohs(*MEMBER(skc_dport));
  record->interface = interface_number((__u32)*MEMBER(skc_bound_dev_if));
  if (record->family == AF_INET6) {
    __builtin_memcpy(record->local_addr, MEMBER(skc_v6_rcv_saddr), 16);
    __builtin_memcpy(record->remote_addr, MEMBER(skc_v6_daddr), 16);
  } else {
    __builtin_memset(record->local_addr, 0, 32);
    *(__be32 *)record->local_addr = *MEMBER(skc_rcv_saddr);
    *(__be32 *)record->remote_addr = *MEMBER(skc_daddr);
  }
#undef MEMBER
}

static __always_inline __u32 netns_of(const struct sock_common *common,
                                      const struct socket_state *state) {
  if (state && state->netns)
    return state->netns;
  return read_netns(common);
}

/* The payload that was sent at least once. bytes_sent - bytes_retrans (`counted`) is too much where
 * a queueing discipline refused segments, because the kernel counts those at each try. The sequence
 * numbers used so far (`passed`) are exact, but include our own SYN. */
static __always_inline __u64 tcp_sent(__u64 counted, __u64 passed, __u8 direction) {
  if (direction == WIRE_DIRECTION_OUTBOUND)
    return passed ? passed - 1 : 0;
  if (direction == WIRE_DIRECTION_INBOUND)
    return passed;
  if (direction == WIRE_DIRECTION_LISTEN)
    return counted;
  return counted + 1 == passed ? counted : passed; /* not known which end sent the SYN */
}

#define TCP_COUNTED(tcp) (READ(tcp, bytes_sent) - READ(tcp, bytes_retrans))

/* The FIN has a sequence number too. It has been sent once everything written has been sent. */
#define TCP_PASSED(tcp)                                                                         \
  ({                                                                                            \
    __u8 state_ = READ(tcp, inet_conn.icsk_inet.sk.__sk_common.skc_state);                      \
    __u32 next_ = READ(tcp, snd_nxt);                                                           \
    __u64 passed_ = READ(tcp, bytes_acked) + (__u32)(next_ - READ(tcp, snd_una));               \
    bool is_ending_ = state_ == TCP_FIN_WAIT1 || state_ == TCP_FIN_WAIT2 ||                     \
                      state_ == TCP_CLOSING || state_ == TCP_LAST_ACK || state_ == TCP_TIME_WAIT; \
    passed_ - (is_ending_ && passed_ && next_ == READ(tcp, write_seq));                         \
  })

/* Whether both ends have chosen their initial sequence numbers, at a change of state. Before that
 * the members that the numbers follow from are still empty, or copies of the listener's. */
static __always_inline bool has_isns(__u8 old_state, __u8 new_state) {
  return new_state == TCP_ESTABLISHED ||
         (old_state != TCP_SYN_SENT && old_state != TCP_LISTEN && old_state != TCP_CLOSE &&
          old_state != TCP_NEW_SYN_RECV && old_state != TCP_TIME_WAIT);
}

/* Both counters include a FIN. Our SYN is in bytes_acked only where it was sent by connect(2). If
 * that is not known, two signs must agree: a comparison with the bytes that were sent, which a
 * queueing discipline that refuses segments makes smaller, and the length of the queue that an
 * accepted socket has inherited from its listener. A connection that TCP_REPAIR has restored seems
 * to be of connect(2), but the SYN is missing. */
static __always_inline void fill_isns(struct wire_flow *record, const struct tcp_sock *tcp) {
  __u8 direction = record->direction;
  __s64 before = direction == WIRE_DIRECTION_INBOUND
                     ? 0 /* not needed */
                     : (__s64)(TCP_PASSED(tcp) - TCP_COUNTED(tcp));
  if (direction == WIRE_DIRECTION_UNKNOWN) {
    bool had_queue = READ(tcp, inet_conn.icsk_inet.sk.sk_max_ack_backlog) != 0;
    if (before == 1 && !had_queue)
      direction = WIRE_DIRECTION_OUTBOUND;
    else if (before == 0 && had_queue)
      direction = WIRE_DIRECTION_INBOUND;
  } else if (direction == WIRE_DIRECTION_OUTBOUND && (before == 0 || before > 1)) {
    direction = WIRE_DIRECTION_UNKNOWN;
  }
  __u32 local = READ(tcp, snd_una) - (__u32)READ(tcp, bytes_acked) -
                (direction == WIRE_DIRECTION_INBOUND ? 1 : 0);
  __u32 remote = READ(tcp, rcv_nxt) - (__u32)READ(tcp, bytes_received) - 1;
  bool is_known =
      direction == WIRE_DIRECTION_OUTBOUND || direction == WIRE_DIRECTION_INBOUND;
  record->local_isn = is_known ? local : 0;
  record->remote_isn = is_known ? remote : 0;
}

/* TCP's own counters, for wire_flow_totals and wire_counters. The kernel counts a received FIN in
 * bytes_received; it is subtracted here. */
#define FILL_TCP_COUNTERS(record, tcp, direction)                                            \
  do {                                                                                       \
    const struct sock *sk_ = &(tcp)->inet_conn.icsk_inet.sk;                                 \
    __u64 fin_ = (READ(sk_, __sk_common.skc_flags) >> SOCK_DONE_BIT) & 1;                    \
    __u64 received_ = READ(tcp, bytes_received);                                             \
    __u32 min_rtt_ = READ(tcp, rtt_min.s[0].v);                                              \
    (record)->tx_bytes = tcp_sent(TCP_COUNTED(tcp), TCP_PASSED(tcp), direction);             \
    (record)->rx_bytes = received_ - (received_ ? fin_ : 0);                                 \
    (record)->tx_segments = READ(tcp, segs_out);                                             \
    (record)->rx_segments = READ(tcp, segs_in);                                              \
    (record)->retransmits = READ(tcp, total_retrans);                                        \
    (record)->srtt_us = READ(tcp, srtt_us) >> 3;                                             \
    (record)->min_rtt_us = min_rtt_ == 0xffffffffu ? 0 : min_rtt_;                           \
  } while (0)

static __always_inline void fill_tcp_totals(struct wire_flow_totals *record,
                                            const struct tcp_sock *tcp) {
  FILL_TCP_COUNTERS(record, tcp, record->flow.direction);
  record->ipv6_only = record->pad0[0] = record->pad0[1] = record->pad0[2] = 0;
}

static __always_inline void fill_no_totals(struct wire_flow_totals *record) {
  record->tx_bytes = 0;
  record->rx_bytes = 0;
  record->tx_segments = 0;
  record->rx_segments = 0;
  record->retransmits = 0;
  record->srtt_us = 0;
  record->min_rtt_us = 0;
  record->ipv6_only = record->pad0[0] = record->pad0[1] = record->pad0[2] = 0;
}

static __always_inline void fill_udp_totals(struct wire_flow_totals *record,
                                            const struct socket_state *state) {
  fill_no_totals(record);
  if (state) {
    record->tx_bytes = state->tx_bytes;
    record->rx_bytes = state->rx_bytes;
    record->tx_segments = state->tx_datagrams;
    record->rx_segments = state->rx_datagrams;
  }
}

#endif
