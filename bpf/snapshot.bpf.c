/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Reads the state of every socket on demand, and at the start the owners of sockets that existed
 * before. */
#include "bpf/lib/context_tracing.h"

#include "bpf/lib/pass.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Established or half closed: a connect or accept event has announced such a connection. */
static __always_inline bool is_announced(__u8 state) {
  return state == TCP_ESTABLISHED || (state >= TCP_FIN_WAIT1 && state != TCP_TIME_WAIT &&
                                      state != TCP_CLOSE && state <= TCP_LAST_ACK);
}

/* It may not have been shown before, because events do not announce it. */
static __always_inline bool is_new(const struct sock_common *common,
                                   const struct wire_control *shared) {
  if (!config.late_openings)
    return false;
  __u8 since = *opening_of(common);
  return since == shared->pass || since == shared->earlier_pass;
}

/* The state of a socket that was not used lately is not in the processor's cache: looking it up
 * costs as much as all the rest, so it is avoided. */
static __always_inline void write_counters(struct seq_file *seq, struct sock_common *common,
                                           const struct tcp_sock *tcp) {
  struct wire_counters record = {};
  struct socket_state *state = is_identity_in_state() ? find_state(common, IPPROTO_TCP) : NULL;
  record.header.type = WIRE_COUNTERS;
  record.header.size = sizeof(record);
  record.cookie = IDENTITY(common, state);
  record.state = common->skc_state;
  FILL_TCP_COUNTERS(&record, tcp, state ? state->direction : WIRE_DIRECTION_UNKNOWN);
  if (!state && record.tx_bytes != TCP_COUNTED(tcp)) { /* rare, so the lookup may cost that */
    state = FIND_OWN_STATE(tcp, IPPROTO_TCP);
    if (state)
      record.tx_bytes = tcp_sent(TCP_COUNTED(tcp), TCP_PASSED(tcp), state->direction);
  }
  bpf_seq_write(seq, &record, sizeof(record));
}

/* A connection older than sockscope that still waits to be accepted has no file, and so no process
 * is found with it. It belongs to whoever listens. */
static __always_inline struct socket_state *listener_of(const struct tcp_sock *tcp) {
  const struct sock *sk = &tcp->inet_conn.icsk_inet.sk;
  __u8 state = sk->__sk_common.skc_state;
  if (!is_state_in_hash(IPPROTO_TCP) || sk->sk_socket ||
      (state != TCP_ESTABLISHED && state != TCP_CLOSE_WAIT))
    return NULL;
  struct listener_key key = {.netns = read_netns(&sk->__sk_common),
                             .port = sk->__sk_common.skc_num};
  struct socket_state *listener = bpf_map_lookup_elem(&listeners, &key);
  return listener && listener->pid ? listener : NULL;
}

SEC("?sockscope/iter/tcp")
int iter__tcp(struct bpf_iter__tcp *ctx) {
  struct sock_common *common = ctx->sk_common;
  if (!common)
    return 0;
  struct tcp_sock *tcp = bpf_skc_to_tcp_sock(common);
  struct wire_control *shared = get_control();
  if (tcp && shared && shared->pass_kind == WIRE_PASS_SHORT &&
      is_announced(common->skc_state) && !is_new(common, shared)) {
    write_counters(ctx->meta->seq, common, tcp);
    return 0;
  }
  struct wire_flow_totals record;
  struct socket_state *state = NULL;
  if (tcp) /* NULL for request and TIME_WAIT sockets */
    state = FIND_OWN_STATE(tcp, IPPROTO_TCP);
  if (tcp && !state && config.mptcp_owners && !is_state_in_hash(IPPROTO_TCP))
    state = find_in_hash(key_of(tcp));
  __u64 identity = IDENTITY(common, state);
  if (tcp && !state)
    state = listener_of(tcp);
  fill_socket(&record, common, state, identity, IPPROTO_TCP);
  if (tcp) {
    note_kernels_own(&record.flow, (const struct sock *)tcp);
    fill_tcp_totals(&record, tcp);
    fill_steady_isns(&record.flow, tcp);
  } else {
    fill_no_totals(&record);
  }
  note_ipv6_only(&record, common);
  if (record.flow.uid == WIRE_UID_UNKNOWN && record.flow.state != TCP_TIME_WAIT)
    record.flow.uid = ctx->uid;
  bpf_seq_write(ctx->meta->seq, &record, sizeof(record));
  return 0;
}

SEC("?sockscope/iter/udp")
int iter__udp(struct bpf_iter__udp *ctx) {
  struct udp_sock *udp = ctx->udp_sk;
  if (!udp)
    return 0;
  struct sock *sk = (struct sock *)udp;
  if (sk->sk_protocol != IPPROTO_UDP) /* UDP-Lite */
    return 0;
  struct wire_flow_totals record;
  struct socket_state *state = find_state(sk, IPPROTO_UDP);
  fill_socket(&record, &sk->__sk_common, state, IDENTITY(&sk->__sk_common, state), IPPROTO_UDP);
  note_kernels_own(&record.flow, sk);
  record.flow.state = 0;
  fill_udp_totals(&record, state);
  take_off_late_drops(&record, state, sk);
  note_ipv6_only(&record, &sk->__sk_common);
  if (record.flow.uid == WIRE_UID_UNKNOWN)
    record.flow.uid = ctx->uid;
  bpf_seq_write(ctx->meta->seq, &record, sizeof(record));
  return 0;
}

/* iter/tcp and iter/udp show one network namespace. The sockets of all others are found by their
 * storage, or in the hash (snapshot_hash.bpf.c). Where iterators over maps are refused, those that
 * a process has open are found by its files (snapshot_files.bpf.c). */
SEC("?sockscope/iter/bpf_sk_storage_map")
int iter__bpf_sk_storage_map(struct bpf_iter__bpf_sk_storage_map *ctx) {
  struct sock *sk = ctx->sk;
  struct socket_state *state = ctx->value;
  if (!sk || !state)
    return 0;
  if (state->netns != config.home_netns)
    write_foreign(ctx->meta->seq, sk, state, IDENTITY(&sk->__sk_common, state));
  return 0;
}

/* Run at the start, after the other programs are attached: a socket that has an owner by then keeps
 * that owner. */
SEC("?sockscope/iter/task_file")
int iter__task_file(struct bpf_iter__task_file *ctx) {
  struct task_struct *task = ctx->task;
  struct sock *sk = sock_of(ctx->file);
  if (task && sk)
    note_holder(task, sk);
  return 0;
}
