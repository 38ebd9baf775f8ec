/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a pass does with each socket, and with each open file. */
#ifndef SOCKSCOPE_BPF_PASS_H
#define SOCKSCOPE_BPF_PASS_H

#include "bpf/lib/emit.h"
#include "bpf/lib/lifecycle.h"
#include "bpf/lib/owner.h"
#include "bpf/lib/udp_drops.h"

static __always_inline void fill_socket(struct wire_flow_totals *record, struct sock_common *common,
                                        struct socket_state *state, __u64 identity,
                                        __u8 protocol) {
  if (protocol == IPPROTO_TCP && state)
    note_shown(state);
  fill_header(&record->flow, WIRE_SOCKET, sizeof(*record), netns_of(common, state), 0);
  record->flow.cookie = identity;
  fill_address(&record->flow, common);
  record->flow.protocol = protocol;
  fill_owner(&record->flow, state);
  if (protocol == IPPROTO_TCP)
    fill_opening(&record->flow, state);
  /* Still a copy of the listener's state, which no hook has corrected. */
  if (record->flow.direction == WIRE_DIRECTION_LISTEN && record->flow.state != TCP_LISTEN) {
    record->flow.direction = WIRE_DIRECTION_INBOUND;
    record->flow.owner = WIRE_OWNER_INHERITED;
    record->flow.since_ns = 0;
  }
}

/* A packet may change the connection while it is read, so it is read twice. */
static __always_inline void fill_steady_isns(struct wire_flow *record,
                                             const struct tcp_sock *tcp) {
  if (!has_isns(record->state, record->state))
    return;
  fill_isns(record, tcp);
  __u32 local = record->local_isn;
  __u32 remote = record->remote_isn;
  asm volatile("" ::: "memory");
  fill_isns(record, tcp);
  if (record->local_isn != local || record->remote_isn != remote)
    record->local_isn = record->remote_isn = 0;
}

/* Must be called after the totals were filled in, which clears this member. */
static __always_inline void note_ipv6_only(struct wire_flow_totals *record,
                                           const struct sock_common *common) {
  bool is_open = record->flow.protocol == IPPROTO_TCP ? record->flow.state == TCP_LISTEN
                                                      : record->flow.remote_port == 0;
  if (record->flow.family == AF_INET6 && is_open)
    record->ipv6_only = BPF_CORE_READ_BITFIELD_PROBED(common, skc_ipv6only) ? WIRE_IPV6_ONLY
                                                                            : WIRE_IPV6_OPEN;
}

/* Marks a socket that the kernel made for itself (a tunnel's, a file server's): one that no process
 * was seen with, and that is not a part of a process's MPTCP connection. */
static __always_inline void note_kernels_own(struct wire_flow *flow, const struct sock *sk) {
  if (flow->owner != WIRE_OWNER_UNKNOWN || !BPF_CORE_READ_BITFIELD_PROBED(sk, sk_kern_sock))
    return;
  if (flow->protocol == IPPROTO_TCP && bpf_core_field_exists(struct tcp_sock, is_mptcp) &&
      BPF_CORE_READ((const struct tcp_sock *)sk, is_mptcp))
    return;
  flow->owner = WIRE_OWNER_KERNEL;
}

/* Writes a socket of a network namespace other than the one that iter/tcp and iter/udp show. */
static __always_inline void write_foreign(struct seq_file *seq, struct sock *sk,
                                          struct socket_state *state, __u64 identity) {
  struct wire_listener listener;
  struct wire_flow_totals *record = &listener.totals;
  struct wire_control *shared = get_control();
  __u8 protocol = (__u8)READ(sk, sk_protocol);
  bool listens = protocol == IPPROTO_TCP && READ(sk, __sk_common.skc_state) == TCP_LISTEN;
  if (!listens && shared && shared->pass_kind == WIRE_PASS_LISTENERS)
    return;
  fill_socket(record, &sk->__sk_common, state, identity, protocol);
  note_kernels_own(&record->flow, sk);
  if (protocol == IPPROTO_TCP) {
    if (record->flow.state == TCP_CLOSE)
      return;
    const struct tcp_sock *tcp = TCP_SOCK(sk);
    if (tcp) {
      fill_tcp_totals(record, tcp);
      fill_steady_isns(&record->flow, tcp);
    } else {
      fill_no_totals(record);
    }
  } else {
    record->flow.state = 0;
    fill_udp_totals(record, state);
    take_off_late_drops(record, state, sk);
  }
  if (is_of_another(state, known_cookie(sk)))
    return;
  note_ipv6_only(record, &sk->__sk_common);
  if (!listens) {
    bpf_seq_write(seq, record, sizeof(*record));
    return;
  }
  record->flow.header.type = WIRE_LISTENER;
  record->flow.header.size = sizeof(listener);
  listener.drops = (__u32)BPF_CORE_READ(sk, sk_drops.counter);
  listener.waiting = BPF_CORE_READ(sk, sk_ack_backlog);
  listener.backlog = BPF_CORE_READ(sk, sk_max_ack_backlog);
  listener.pad0 = 0;
  bpf_seq_write(seq, &listener, sizeof(listener));
}

static __always_inline void set_holder(struct socket_state *state, struct task_struct *task) {
  struct task_struct *leader = task->group_leader;
  state->pid = (__u32)task->tgid;
  state->uid = BPF_CORE_READ(task, cred, uid.val);
  state->cgroup_id = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
  state->process_start_ns = leader->start_boottime;
  bpf_probe_read_kernel_str(state->comm, sizeof(state->comm), &leader->comm);
  state->owner = WIRE_OWNER_BOOTSTRAP;
}

/* The file of an MPTCP socket is not a TCP socket. TCP has its listener or the first of its
 * connections, which belongs to the kernel; that one gets the process as its owner. Connections
 * that are added to it later have no owner. */
static __always_inline void note_mptcp_holder(struct task_struct *task, struct sock *sk) {
  if (!config.mptcp_owners || !bpf_core_field_exists(struct mptcp_sock, first))
    return;
  struct sock *first = BPF_CORE_READ((struct mptcp_sock *)sk, first);
  if (!first || find_in_hash((__u64)first))
    return;
  struct socket_state state = {.identity = known_cookie(first)};
  set_holder(&state, task);
  note_netns(&state, read_netns(&first->__sk_common));
  if (state.netns != config.home_netns) /* such a socket is shown only by its state */
    state.identity = number_of(first, state.identity);
  if (BPF_CORE_READ(first, __sk_common.skc_state) == TCP_LISTEN) {
    state.direction = WIRE_DIRECTION_LISTEN;
    note_listener(BPF_CORE_READ(first, __sk_common.skc_num), &state);
  }
  put_state(first, &state);
}

static __always_inline void tell_owner(struct sock *sk, const struct socket_state *state) {
  __u8 tcp_state = READ(sk, __sk_common.skc_state);
  emit_flow(WIRE_OWNER, sk, state, 0, 0, tcp_state, tcp_state, bpf_ktime_get_ns());
}

/* A pass over open files found a socket that has an owner with this process. An inherited owner is
 * replaced at once: whoever has the connection open serves it, and the listener's own process comes
 * before others. An owner who was seen using it is replaced only when a whole pass did not find the
 * socket with that owner. */
static __always_inline void note_held(struct socket_state *state, struct task_struct *task,
                                      struct sock *sk, __u16 protocol) {
  struct wire_control *shared = get_control();
  __u16 pass = shared ? (__u16)shared->file_pass : 0;
  if (!pass)
    return;
  bool is_settled = state->owner != WIRE_OWNER_INHERITED;
  if ((__u32)task->tgid == state->pid) {
    state->held_pass = pass;
    if (is_settled)
      return;
    set_holder(state, task); /* read anew: the process may have dropped its user since */
  } else {
    if (state->held_pass == pass)
      return;
    if (is_settled) {
      __u64 since = state->owner_changed_ns ? state->owner_changed_ns : state->since_ns;
      if ((__u16)(pass - state->held_pass) < 2 || since >= shared->earlier_pass_ns)
        return;
    } else if (BPF_CORE_READ(task, group_leader, start_time) <= state->since_ns) {
      state->opener_pid = (__u32)task->tgid; /* else: forked to serve it */
    }
    set_holder(state, task);
    state->held_pass = pass;
    state->owner_changed_ns = bpf_ktime_get_ns();
    __sync_fetch_and_add(&owner_changes, 1);
  }
  if (protocol == IPPROTO_TCP && state->direction != WIRE_DIRECTION_LISTEN &&
      reports_owner(state))
    tell_owner(sk, state);
}

/* A process has the socket open; it becomes the owner if the socket has none. */
static __always_inline void note_holder(struct task_struct *task, struct sock *sk) {
  if (READ(sk, sk_protocol) == IPPROTO_MPTCP && is_internet(READ(sk, __sk_common.skc_family))) {
    note_mptcp_holder(task, sk);
    return;
  }
  __u16 protocol = transport_of(sk);
  if (!protocol)
    return;
  struct socket_state *state = GET_OR_MAKE_STATE(sk, protocol);
  if (!state)
    return;
  if (state->pid) {
    note_held(state, task, sk, protocol);
    return;
  }
  set_holder(state, task);
  note_netns(state, read_netns(&sk->__sk_common));
  if (protocol == IPPROTO_TCP && READ(sk, __sk_common.skc_state) == TCP_LISTEN) {
    state->direction = WIRE_DIRECTION_LISTEN;
    note_listener(READ(sk, __sk_common.skc_num), state);
  }
  /* A connection older than sockscope that was accepted a moment ago. */
  struct wire_control *shared = get_control();
  __u8 tcp_state = READ(sk, __sk_common.skc_state);
  if (protocol == IPPROTO_TCP && shared && shared->file_pass &&
      (tcp_state == TCP_ESTABLISHED || tcp_state == TCP_CLOSE_WAIT))
    tell_owner(sk, state);
}

/* The TCP connections of an MPTCP socket belong to the kernel; only the hash knows them. */
static __always_inline void write_mptcp_parts(struct seq_file *seq, struct sock *sk) {
  struct sock *first = BPF_CORE_READ((struct mptcp_sock *)sk, first);
  struct socket_state *state = first ? find_in_hash(address_of(first)) : NULL;
  if (state)
    write_foreign(seq, first, state, state->identity);
}

/* A process has this socket open. If the socket is of another network namespace, it is written,
 * once for each file. */
static __always_inline void write_held(struct seq_file *seq, struct task_struct *task,
                                       struct sock *sk) {
  if (!is_internet(READ(sk, __sk_common.skc_family)) ||
      read_netns(&sk->__sk_common) == config.home_netns)
    return;
  note_holder(task, sk);
  __u16 protocol = transport_of(sk);
  if (!protocol) {
    if (READ(sk, sk_protocol) == IPPROTO_MPTCP && bpf_core_field_exists(struct mptcp_sock, first))
      write_mptcp_parts(seq, sk);
    return;
  }
  struct socket_state *state = FIND_OWN_STATE(sk, protocol);
  if (state)
    write_foreign(seq, sk, state, IDENTITY(sk, state));
}

#endif
