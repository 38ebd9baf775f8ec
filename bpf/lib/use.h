/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What processes do with sockets. At each send and receive, UDP is counted, because the kernel
 * keeps no counters for it, and for TCP only the process that uses the connection is noted. Also:
 * accept, the creation of UDP sockets, and the last close of any socket. */
#ifndef SOCKSCOPE_BPF_USE_H
#define SOCKSCOPE_BPF_USE_H

#include "bpf/lib/emit.h"
#include "bpf/lib/owner.h"
#include "bpf/lib/udp_drops.h"

static __always_inline bool in_ranges(const volatile struct wire_port_range *ranges, __u32 count,
                                      __u16 port) {
  for (__u32 i = 0; i < WIRE_FILTER_PORTS; i++) {
    if (i >= count)
      break;
    if (port >= ranges[i].first && port <= ranges[i].last)
      return true;
  }
  return false;
}

static __always_inline bool data_wanted(const struct sock_common *common,
                                        const struct socket_state *state) {
  if (config.pid_count) {
    __u32 pid = current_pid();
    bool found = false;
    for (__u32 i = 0; i < WIRE_FILTER_PIDS; i++) {
      if (i >= config.pid_count)
        break;
      found |= config.pids[i] == pid;
    }
    if (!found)
      return false;
  }
  if (config.comm[0]) {
    for (__u32 i = 0; i < sizeof(config.comm); i++) {
      if (config.comm[i] != state->comm[i])
        return false;
      if (!config.comm[i])
        break;
    }
  }
  __u16 local = READ(common, skc_num);
  __u16 remote = bpf_ntohs(READ(common, skc_dport));
  if (config.local_port_count && !in_ranges(config.local_ports, config.local_port_count, local))
    return false;
  if (config.remote_port_count && !in_ranges(config.remote_ports, config.remote_port_count, remote))
    return false;
  if (config.any_port_count && !in_ranges(config.any_ports, config.any_port_count, local) &&
      !in_ranges(config.any_ports, config.any_port_count, remote))
    return false;
  return true;
}

static __always_inline void emit_record(__u16 type, struct sock *sk, __u64 identity, __u8 protocol,
                                        const struct socket_state *state, __u32 value,
                                        __u32 extra) {
  struct wire_flow *record = reserve(type, sizeof(*record));
  if (!record)
    return;
  fill_header(record, type, sizeof(*record), netns_of(&sk->__sk_common, state),
              bpf_ktime_get_ns());
  record->cookie = identity;
  fill_address(record, &sk->__sk_common);
  record->protocol = protocol;
  fill_owner(record, state);
  if (protocol == IPPROTO_UDP)
    record->state = 0;
  record->value = value;
  record->extra = extra;
  submit(record);
}

/* Makes a state where there is none: the socket is older than sockscope and was not found at the
 * start, or its creation was missed. note_use() then makes the running process its owner, but not
 * its opener. */
static __always_inline struct socket_state *state_at_use(struct sock *sk, __u16 protocol) {
  struct socket_state *state = FIND_OWN_STATE(sk, protocol);
  if (state)
    return state;
  state = MAKE_STATE(sk, protocol);
  if (state && !state->pid)
    note_netns(state, read_netns(&sk->__sk_common));
  return state;
}

/* A process has a connection before the handshake is over, which TCP fast open makes possible.
 * `cookie`: the kernel's; 0 where it cannot be asked. */
static __always_inline void begin_early(struct sock *sk, struct socket_state *state, __u64 cookie) {
  begin_inbound(state, fast_open_since(sk));
  state->told_state = TCP_SYN_RECV;
  if (is_state_in_hash(IPPROTO_TCP) && !state->identity)
    state->identity = number_of(sk, cookie);
}

static __always_inline int on_tcp(struct sock *sk, int result, __u32 sent) {
  __u64 cookie = (__u64)READ(sk, __sk_common.skc_cookie.counter);
  __u32 pid = current_pid();
  __u32 changes = owner_changes;
  __u32 slot = cookie & (NOTED_USES - 1);
  struct noted_use *noted = cookie ? bpf_map_lookup_elem(&noted_uses, &slot) : NULL;
  if (noted && noted->cookie == cookie && noted->pid == pid && noted->owner_changes == changes &&
      !(config.observe & WIRE_OBSERVE_DATA))
    return 0;
  struct socket_state *state = state_at_use(sk, IPPROTO_TCP);
  if (!state)
    return 0;
  if (state->direction == WIRE_DIRECTION_LISTEN)
    begin_early(sk, state, COOKIE(sk));
  if (note_use(state) && reports_owner(state)) {
    emit_record(WIRE_OWNER, sk, IDENTITY(sk, state), IPPROTO_TCP, state, 0, 0);
  } else if (noted && state->pid == pid) {
    noted->cookie = cookie;
    noted->pid = pid;
    noted->owner_changes = changes;
  }
  if ((config.observe & WIRE_OBSERVE_DATA) && data_wanted(&sk->__sk_common, state))
    emit_record(WIRE_DATA, sk, IDENTITY(sk, state), IPPROTO_TCP, state, (__u32)result, sent);
  return 0;
}

static __always_inline int on_udp(struct sock *sk, int result, __u32 sent) {
  struct socket_state *state = state_at_use(sk, IPPROTO_UDP);
  if (!state)
    return 0;
  /* Whether the process was moved to another cgroup is seen at the close, and by passes. */
  if (state->owner != WIRE_OWNER_EXACT || state->pid != current_pid())
    note_use(state);
  if (sent) {
    /* With UDP_SEGMENT set on the socket, one call sends several datagrams. */
    __u16 segment = BPF_CORE_READ((struct udp_sock *)sk, gso_size);
    __u64 datagrams = 1;
    if (segment && (__u32)result > segment)
      datagrams = ((__u32)result + segment - 1) / segment;
    __sync_fetch_and_add(&state->tx_bytes, (__u64)result);
    __sync_fetch_and_add(&state->tx_datagrams, datagrams);
  } else {
    __sync_fetch_and_add(&state->rx_bytes, (__u64)result);
    __sync_fetch_and_add(&state->rx_datagrams, 1);
  }
  if ((config.observe & WIRE_OBSERVE_DATA) && data_wanted(&sk->__sk_common, state))
    emit_record(WIRE_DATA, sk, IDENTITY(sk, state), IPPROTO_UDP, state, (__u32)result, sent);
  return 0;
}

static __always_inline bool only_looks(int flags, __u32 sent) {
  return !sent && (flags & (MSG_PEEK | MSG_ERRQUEUE));
}

/* result: negative, the call failed; 0, the stream ended. */
static __always_inline int on_tcp_io(struct sock *sk, int result, int flags, __u32 sent) {
  if (result <= 0 || only_looks(flags, sent) || transport_of(sk) != IPPROTO_TCP)
    return 0;
  return on_tcp(sk, result, sent);
}

/* result: 0 is an empty datagram. */
static __always_inline int on_udp_io(struct sock *sk, int result, int flags, __u32 sent) {
  if (result < 0 || only_looks(flags, sent) || transport_of(sk) != IPPROTO_UDP)
    return 0;
  return on_udp(sk, result, sent);
}

/* For sockets of any protocol. */
static __always_inline int on_io(struct sock *sk, int result, int flags, __u32 sent) {
  if (result < 0 || only_looks(flags, sent))
    return 0;
  __u16 protocol = transport_of(sk);
  if (protocol == IPPROTO_UDP && (config.udp_in_calls & (sent ? WIRE_UDP_SENT : WIRE_UDP_RECEIVED)))
    return on_udp(sk, result, sent);
  if (protocol == IPPROTO_TCP && config.tcp_in_calls && result > 0)
    return on_tcp(sk, result, sent);
  return 0;
}

/* The process that accepts, or asks for the peer's name, is running. In some programs the pointer
 * that can be read (`sk`), the one with the state (`socket`) and the one for COOKIE (`context`)
 * differ. */
static __always_inline int on_accept(struct sock *sk, void *socket, void *context) {
  struct socket_state *state = find_state(socket, IPPROTO_TCP);
  if (!state || is_of_another(state, (__u64)READ(sk, __sk_common.skc_cookie.counter)))
    return 0;
  if (state->direction == WIRE_DIRECTION_LISTEN)
    begin_early(sk, state, COOKIE(context));
  if (!note_use(state) || !reports_owner(state))
    return 0;
  emit_record(WIRE_OWNER, sk, IDENTITY(context, state), IPPROTO_TCP, state, 0, 0);
  return 0;
}

static __always_inline int on_birth(struct sock *sk, __u16 protocol) {
  if (protocol != IPPROTO_UDP)
    return 0;
  struct socket_state *state = MAKE_STATE(sk, IPPROTO_UDP);
  if (state) {
    set_opener(state);
    state->since_ns = bpf_ktime_get_ns();
    note_netns(state, read_netns(&sk->__sk_common));
  }
  return 0;
}

/* Not known who closed it last: a pass over open files held the file at that moment, and so closed
 * it instead of its process. The owner seen before is the likeliest, but a child forked to serve
 * the connection may have been the one. */
static __always_inline void note_unseen_close(struct socket_state *state) {
  if (state->owner == WIRE_OWNER_EXACT)
    state->owner = state->direction == WIRE_DIRECTION_INBOUND ? WIRE_OWNER_INHERITED
                                                              : WIRE_OWNER_BOOTSTRAP;
}

/* Runs in the process that does the last close of a socket. */
static __always_inline int on_release(struct sock *sk, __u16 protocol) {
  if (protocol != IPPROTO_UDP && protocol != IPPROTO_TCP)
    return 0;
  struct socket_state *state = FIND_OWN_STATE(sk, protocol);
  if (!state)
    return 0;
  __u32 owner_before = state->pid;
  if (is_reading_files())
    note_unseen_close(state);
  else
    note_use(state);
  if (protocol == IPPROTO_TCP) {
    /* The close record is enough unless the process that closes it is not the one that used it. */
    if (state->pid != owner_before && state->direction != WIRE_DIRECTION_LISTEN &&
        state->since_ns && reports_owner(state))
      emit_record(WIRE_OWNER, sk, IDENTITY(sk, state), IPPROTO_TCP, state, 0, 0);
    return 0;
  }
  if (config.udp_peers && state->has_peers) {
    __u64 cookie = IDENTITY(sk, state);
    __u8 one = 1;
    bpf_map_update_elem(&closed_udp, &cookie, &one, 0);
  }
  struct wire_flow_totals *record = reserve(WIRE_CLOSE, sizeof(*record));
  if (record) {
    fill_header(&record->flow, WIRE_CLOSE, sizeof(*record), state->netns, bpf_ktime_get_ns());
    record->flow.cookie = IDENTITY(sk, state);
    fill_address(&record->flow, &sk->__sk_common);
    record->flow.protocol = IPPROTO_UDP;
    record->flow.state = 0;
    fill_owner(&record->flow, state);
    fill_udp_totals(record, state);
    take_off_late_drops(record, state, sk);
    submit(record);
  }
  drop_state(sk, IPPROTO_UDP);
  return 0;
}

#endif
