/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* TCP connections: opened, failed, closed, retransmitting, reset. Nothing here runs at each send or
 * receive: tcp_sock counts already, and is read once, at close. */
#ifndef SOCKSCOPE_BPF_LIFECYCLE_H
#define SOCKSCOPE_BPF_LIFECYCLE_H

#include "bpf/lib/emit.h"
#include "bpf/lib/owner.h"

static __always_inline __u32 elapsed_us(__u64 since_ns, __u64 now_ns) {
  if (!since_ns)
    return 0;
  __u64 elapsed = (now_ns - since_ns) / 1000;
  return elapsed > 0xffffffffu ? 0xffffffffu : (__u32)elapsed;
}

static __always_inline void fill_flow(struct wire_flow *record, __u16 type, __u16 size,
                                      const struct sock *sk, const struct socket_state *state,
                                      __u64 now_ns) {
  fill_header(record, type, size, netns_of(&sk->__sk_common, state), now_ns);
  record->cookie = IDENTITY((void *)sk, state);
  fill_address(record, &sk->__sk_common);
  record->protocol = IPPROTO_TCP;
  fill_owner(record, state);
}

/* At CLOSE the socket has already released its port; inet_sport still has it. */
static __always_inline void restore_port(struct wire_flow *record, const struct tcp_sock *tcp) {
  if (tcp && record->local_port == 0)
    record->local_port = bpf_ntohs(READ(tcp, inet_conn.icsk_inet.inet_sport));
}

static __always_inline void emit_flow(__u16 type, const struct sock *sk,
                                      const struct socket_state *state, __u32 value, __u32 extra,
                                      __u8 old_state, __u8 new_state, __u64 now_ns) {
  struct wire_flow *record = reserve(type, sizeof(*record));
  if (!record)
    return;
  fill_flow(record, type, sizeof(*record), sk, state, now_ns);
  record->value = value;
  record->extra = extra;
  record->old_state = old_state;
  record->state = new_state;
  const struct tcp_sock *tcp =
      old_state == TCP_NEW_SYN_RECV || old_state == TCP_TIME_WAIT ? NULL : TCP_SOCK(sk);
  restore_port(record, tcp);
  /* A pass over open files tells owners without the socket's lock. */
  if (tcp && type != WIRE_OWNER && has_isns(old_state, new_state))
    fill_isns(record, tcp);
  submit(record);
}

/* Reports a connection or an attempt that ended. */
static __always_inline void emit_end(__u16 type, const struct sock *sk,
                                     const struct socket_state *state, __u32 value, __u32 extra,
                                     __u8 old_state, __u64 now_ns) {
  struct wire_flow_totals *record = reserve(type, sizeof(*record));
  if (!record)
    return;
  fill_flow(&record->flow, type, sizeof(*record), sk, state, now_ns);
  record->flow.value = value;
  record->flow.extra = extra;
  if (type == WIRE_CLOSE)
    fill_opening(&record->flow, state);
  record->flow.old_state = old_state;
  record->flow.state = TCP_CLOSE;
  const struct tcp_sock *tcp = TCP_SOCK(sk);
  if (tcp) {
    fill_tcp_totals(record, tcp);
    if (type == WIRE_CLOSE)
      fill_isns(&record->flow, tcp);
  } else {
    fill_no_totals(record);
  }
  restore_port(&record->flow, tcp);
  submit(record);
}

/* How many segments a packet in the send queue will be. 0: not known. */
static __always_inline __u32 segments_of(const struct sk_buff *skb) {
  __u16 segments = 0;
  if (bpf_core_field_exists(struct tcp_skb_cb, tcp_gso_segs))
    bpf_probe_read_kernel(&segments, sizeof(segments),
                          (const char *)&skb->cb +
                              bpf_core_field_offset(struct tcp_skb_cb, tcp_gso_segs));
  return segments;
}

/* `skb`: what is sent again, `most`: segments of it at most. */
static __always_inline void emit_retransmit(const struct sock *sk, const struct sk_buff *skb,
                                            const struct socket_state *state, __u32 total,
                                            __u32 most, __u8 tcp_state) {
  struct wire_retransmit *record = reserve(WIRE_RETRANSMIT, sizeof(*record));
  if (!record)
    return;
  fill_flow(&record->flow, WIRE_RETRANSMIT, sizeof(*record), sk, state, bpf_ktime_get_ns());
  record->flow.value = total;
  record->flow.old_state = record->flow.state = tcp_state;
  record->sequence = record->window = record->prior_window = record->segments = 0;
  const struct tcp_sock *tcp = tcp_state == TCP_NEW_SYN_RECV ? NULL : TCP_SOCK(sk);
  if (tcp) {
    /* The first member of struct tcp_skb_cb is the sequence number. */
    bpf_probe_read_kernel(&record->sequence, sizeof(record->sequence), &skb->cb);
    record->segments = segments_of(skb);
    if (record->segments > most)
      record->segments = most;
    if (has_isns(tcp_state, tcp_state))
      fill_isns(&record->flow, tcp);
    record->window = READ(tcp, snd_cwnd);
    if (BPF_CORE_READ_BITFIELD_PROBED((const struct inet_connection_sock *)tcp, icsk_ca_state) >= TCP_CA_CWR)
      record->prior_window = READ(tcp, prior_cwnd);
  }
  submit(record);
}

/* Why a connection attempt ended. The kernel keeps the reason in sk_err, except when connect(2)
 * sent nothing, and when the process itself gave up. */
static __always_inline __u32 failure_of(const struct sock *sk) {
  int error = READ(sk, sk_err);
  if (error)
    return (__u32)error;
  if (READ(sk, sk_shutdown) == SHUTDOWN_MASK) {
    int soft = READ(sk, sk_err_soft);
    return soft ? (__u32)soft : ECANCELED_;
  }
  const struct tcp_sock *tcp = TCP_SOCK(sk);
  if (tcp && READ(tcp, inet_conn.icsk_inet.inet_sport) == 0)
    return EADDRNOTAVAIL_; /* no free local port */
  return 0;
}

/* Whether a process inside close(2) resets the connection. A lock held by a process does not prove
 * it: one that only looks at the socket (ss, an iterator) handles the packets that arrived
 * meanwhile. */
static __always_inline bool is_closed_by_current(const struct sock *sk, int old_state) {
  return READ(sk, sk_lock.owned) && READ(sk, sk_shutdown) == SHUTDOWN_MASK &&
         (old_state == TCP_ESTABLISHED || old_state == TCP_CLOSE_WAIT || old_state == TCP_SYN_RECV);
}

/* Whether TCP fast open gave the connection to its server before the handshake was over. */
static __always_inline bool is_given_early(const struct sock *sk) {
  const struct socket_state *state = FIND_OWN_STATE(sk, IPPROTO_TCP);
  const struct tcp_sock *tcp = TCP_SOCK(sk);
  return tcp && !(state && state->direction == WIRE_DIRECTION_OUTBOUND) &&
         ((state && READ(sk, sk_socket)) || READ(tcp, bytes_received) || fast_open_since(sk));
}

/* For connect(2) and listen(2): the calling process is running. `fresh`: zeroed room for a state
 * that goes into the hash. */
static __always_inline struct socket_state *open_state(const struct sock *sk, __u8 direction,
                                                       __u64 now_ns, struct socket_state *fresh) {
  struct socket_state *state = fresh;
  if (is_state_in_hash(IPPROTO_TCP))
    fresh->identity = number_of(sk, COOKIE((void *)sk));
  else
    state = make_in_storage((void *)sk);
  if (!state)
    return NULL;
  set_opener(state);
  note_netns(state, read_netns(&sk->__sk_common));
  state->since_ns = now_ns;
  forget_reports(state);
  state->direction = direction;
  state->told_state = direction == WIRE_DIRECTION_LISTEN ? TCP_LISTEN : TCP_SYN_SENT;
  if (is_state_in_hash(IPPROTO_TCP))
    put_state(sk, fresh);
  return state;
}

/* Makes a state where there is none, because the connection is older than sockscope or its
 * beginning was missed. `fresh`: as above. */
static __always_inline struct socket_state *find_or_make(const struct sock *sk,
                                                         struct socket_state *fresh) {
  struct socket_state *state = FIND_OWN_STATE(sk, IPPROTO_TCP);
  if (state)
    return state;
  return is_state_in_hash(IPPROTO_TCP) ? make_in_hash(sk, COOKIE((void *)sk), fresh)
                                       : make_in_storage((void *)sk);
}

/* Socket storage does this by itself: a new connection gets a copy of its listener's state. To find
 * the listener: the kernel first copies the whole listener and renews each member only after it has
 * announced the new socket's first state. Until then the empty list `tsq_node` in the new socket
 * points into the listener. Where that state is not announced, or the list is not what we expect,
 * the port decides at establishment. */
static __always_inline void inherit_state(const struct sock *sk, struct socket_state *fresh) {
  const struct tcp_sock *tcp = TCP_SOCK(sk);
  if (!tcp)
    return;
  __u64 list = 0;
  bpf_core_read(&list, sizeof(list), &tcp->tsq_node.next);
  __u64 listener = list - bpf_core_field_offset(tcp->tsq_node);
  struct socket_state *found = find_in_hash(listener);
  if (!found || found->direction != WIRE_DIRECTION_LISTEN)
    return;
  *fresh = *found;
  fresh->identity = 0;
  put_state(sk, fresh);
}

/* Listening sockets by port, for connections whose beginning was not seen. Where several processes
 * listen on a port, nobody is the owner until one of them uses the connection. */
static __always_inline void note_listener(__u16 port, const struct socket_state *state) {
  if (!is_state_in_hash(IPPROTO_TCP))
    return;
  struct listener_key key = {.netns = state->netns, .port = port};
  struct socket_state nobody = {.netns = state->netns, .direction = WIRE_DIRECTION_LISTEN};
  struct socket_state *other = bpf_map_lookup_elem(&listeners, &key);
  if (other && other->pid != state->pid)
    bpf_map_update_elem(&listeners, &key, &nobody, 0);
  else
    bpf_map_update_elem(&listeners, &key, state, 0);
}

static __always_inline void forget_listener(const struct sock *sk) {
  const struct tcp_sock *tcp = TCP_SOCK(sk);
  if (!tcp)
    return;
  struct listener_key key = {.netns = read_netns(&sk->__sk_common),
                             .port = bpf_ntohs(READ(tcp, inet_conn.icsk_inet.inet_sport))};
  bpf_map_delete_elem(&listeners, &key);
}

static __always_inline struct socket_state *make_accepted_state(const struct sock *sk,
                                                                struct socket_state *fresh) {
  struct socket_state *state = make_in_hash(sk, COOKIE((void *)sk), fresh);
  if (!state)
    return NULL;
  state->netns = read_netns(&sk->__sk_common);
  struct listener_key key = {.netns = state->netns, .port = READ(sk, __sk_common.skc_num)};
  struct socket_state *listener = bpf_map_lookup_elem(&listeners, &key);
  if (listener) {
    __u64 identity = state->identity;
    *state = *listener;
    state->identity = identity;
  }
  return state;
}

/* The state of a connection that leaves SYN_RECV. */
static __always_inline struct socket_state *grown_state(const struct sock *sk,
                                                        struct socket_state *fresh) {
  if (!is_state_in_hash(IPPROTO_TCP))
    return find_or_make(sk, fresh);
  struct socket_state *state = FIND_OWN_STATE(sk, IPPROTO_TCP);
  if (state && !state->identity)
    state->identity = number_of(sk, COOKIE((void *)sk));
  else if (!state ||
           (state->direction != WIRE_DIRECTION_OUTBOUND && state->told_state != TCP_SYN_RECV))
    state = make_accepted_state(sk, fresh); /* else: a simultaneous open, or used before */
  return state;
}

/* Instead of a record at the opening: the next pass, or the close before it, reports it. */
static __always_inline bool is_reported_later(const struct sock *sk, struct socket_state *state,
                                              __u8 opened_in, __u32 latency_us) {
  if (!config.late_openings || !state)
    return false;
  state->latency_us = latency_us;
  state->opened_in = opened_in;
  struct wire_control *shared = get_control();
  if (shared)
    *opening_of(&sk->__sk_common) = *(volatile __u8 *)&shared->pass;
  return true;
}

/* Runs in softirq, where the current task says nothing about the connection. Returns the type of
 * the record to send; 0: none. */
static __always_inline __u16 establish(const struct sock *sk, struct socket_state *state,
                                       int old_state, __u64 now_ns, __u32 *latency_us) {
  bool outbound =
      old_state == TCP_SYN_SENT || (state && state->direction == WIRE_DIRECTION_OUTBOUND);
  if (state && outbound) {
    *latency_us = elapsed_us(state->since_ns, now_ns);
    state->direction = WIRE_DIRECTION_OUTBOUND;
    state->since_ns = now_ns;
  } else if (state) {
    begin_inbound(state, now_ns);
  }
  if (is_reported_later(sk, state, TCP_ESTABLISHED, *latency_us))
    return 0;
  if (!outbound)
    return WIRE_ACCEPT;
  return READ(sk, __sk_common.skc_family) == AF_INET6 ? WIRE_CONNECT_V6 : WIRE_CONNECT_V4;
}

static __always_inline int on_state(const struct sock *sk, int old_state, int new_state) {
  if (READ(sk, sk_protocol) != IPPROTO_TCP)
    return 0;
  struct socket_state fresh = {};
  if (new_state == TCP_SYN_RECV && old_state == TCP_LISTEN && is_state_in_hash(IPPROTO_TCP))
    inherit_state(sk, &fresh);
  /* Half of all changes are needed only where every change is reported. */
  if (!(config.observe & WIRE_OBSERVE_STATES) &&
      (new_state == TCP_SYN_RECV || new_state == TCP_FIN_WAIT2 ||
       (new_state == TCP_CLOSE_WAIT && old_state != TCP_SYN_RECV) || new_state == TCP_TIME_WAIT ||
       new_state == TCP_CLOSING))
    return 0;

  struct socket_state *state = NULL;
  __u64 now_ns = bpf_ktime_get_ns();
  __u16 type = 0;
  __u32 value = 0;
  __u32 extra = 0;
  if (new_state == TCP_SYN_SENT) {
    state = open_state(sk, WIRE_DIRECTION_OUTBOUND, now_ns, &fresh);
    if (config.observe & WIRE_OBSERVE_ATTEMPTS)
      type = WIRE_ATTEMPT;
  } else if (new_state == TCP_LISTEN) {
    state = open_state(sk, WIRE_DIRECTION_LISTEN, now_ns, &fresh);
    if (state)
      note_listener(READ(sk, __sk_common.skc_num), state);
  } else if (new_state == TCP_ESTABLISHED) {
    state = old_state == TCP_SYN_RECV ? grown_state(sk, &fresh) : find_or_make(sk, &fresh);
    type = establish(sk, state, old_state, now_ns, &value);
  } else if (old_state == TCP_SYN_RECV && is_given_early(sk)) {
    state = grown_state(sk, &fresh);
    if (state) {
      begin_inbound(state, fast_open_since(sk));
      if (new_state == TCP_FIN_WAIT1 ? READ(sk, sk_lock.owned) != 0
                                     : is_closed_by_current(sk, old_state))
        note_use(state);
    }
    if (!is_reported_later(sk, state, TCP_SYN_RECV, 0))
      emit_flow(WIRE_ACCEPT, sk, state, 0, 0, (__u8)old_state, (__u8)old_state, now_ns);
    if (new_state == TCP_CLOSE)
      emit_end(WIRE_CLOSE, sk, state, 0, 0, (__u8)old_state, now_ns);
  } else if (new_state == TCP_CLOSE) {
    if (old_state == TCP_LISTEN && is_state_in_hash(IPPROTO_TCP))
      forget_listener(sk);
    if (old_state == TCP_CLOSE || old_state == TCP_LISTEN)
      goto states;
    state = FIND_OWN_STATE(sk, IPPROTO_TCP);
    bool outbound = state && state->direction == WIRE_DIRECTION_OUTBOUND;
    if (old_state == TCP_SYN_SENT || (old_state == TCP_SYN_RECV && outbound)) {
      emit_end(WIRE_CONNECT_FAILED, sk, state, failure_of(sk),
               state ? elapsed_us(state->since_ns, now_ns) : 0, (__u8)old_state, now_ns);
    } else if (old_state != TCP_SYN_RECV) {
      if (is_closed_by_current(sk, old_state)) {
        state = find_or_make(sk, &fresh);
        if (state)
          note_use(state);
      }
      emit_end(WIRE_CLOSE, sk, state, 0, 0, (__u8)old_state, now_ns);
    }
  } else if (new_state == TCP_FIN_WAIT1 || new_state == TCP_LAST_ACK) {
    /* Only close(2) and shutdown(2) lead to these states, unless no process holds the lock. */
    if (READ(sk, sk_lock.owned)) {
      state = find_or_make(sk, &fresh);
      __u32 owner_before = state ? state->pid : 0;
      if (state && note_use(state) && state->pid != owner_before && reports_owner(state))
        type = WIRE_OWNER; /* otherwise the close record says it */
    }
  }
  if (type)
    emit_flow(type, sk, state, value, extra, (__u8)old_state, (__u8)new_state, now_ns);

states:
  if (config.observe & WIRE_OBSERVE_STATES) {
    if (!state)
      state = FIND_OWN_STATE(sk, IPPROTO_TCP);
    emit_flow(WIRE_STATE, sk, state, 0, 0, (__u8)old_state, (__u8)new_state, now_ns);
  }
  if (state) {
    state->told_state = (__u8)new_state;
    if (!state->netns) /* otherwise known since the SYN, or from the listener */
      note_netns(state, read_netns(&sk->__sk_common));
  }
  if (new_state == TCP_CLOSE && config.forget_at_close)
    drop_state(sk, IPPROTO_TCP);
  return 0;
}

/* The kernel does not run a tracing program while the same program is already running on this
 * processor, and an interrupt may change a connection just then. So two copies of the program are
 * attached, and run one after the other in either order: what one was not run for, the other
 * handles. on_state() takes some hundred nanoseconds, and only a few pass between the two copies;
 * if a change interrupts in that gap, the socket's state says whether it was handled. */
static __always_inline int on_state_of_two(const struct sock *sk, int old_state, int new_state,
                                           bool is_copy) {
  __u32 zero = 0;
  struct handled_change *handled = bpf_map_lookup_elem(&handled_changes, &zero);
  if (!handled)
    return 0;
  __u64 socket = key_of(sk);
  bool is_handled = handled->socket == socket && handled->state == (__u64)new_state;
  if (!is_handled && is_copy && READ(sk, sk_protocol) == IPPROTO_TCP) {
    const struct socket_state *state = FIND_OWN_STATE(sk, IPPROTO_TCP);
    is_handled = state ? state->told_state == new_state
                       : new_state == TCP_CLOSE && config.forget_at_close;
  }
  if (is_handled) {
    handled->socket = 0;
    return 0;
  }
  on_state(sk, old_state, new_state);
  handled->socket = socket;
  handled->state = (__u64)new_state;
  return 0;
}

/* The hash keeps a connection's state until the socket is destroyed, because resets are also
 * reported of connections that are already closed. */
static __always_inline int on_destroy(const struct sock *sk) {
  drop_state(sk, IPPROTO_TCP);
  return 0;
}

static __always_inline int on_retransmit(const struct sock *sk, const struct sk_buff *skb) {
  struct socket_state *state = NULL;
  __u32 total = 0;
  /* A retransmitted SYN+ACK comes with a request socket, which has no storage and no counters. */
  __u8 tcp_state = READ(sk, __sk_common.skc_state);
  if (tcp_state != TCP_NEW_SYN_RECV && tcp_state != TCP_TIME_WAIT) {
    state = FIND_OWN_STATE(sk, IPPROTO_TCP);
    const struct tcp_sock *tcp = TCP_SOCK(sk);
    if (tcp)
      total = READ(tcp, total_retrans);
  }
  emit_retransmit(sk, skb, state, total, ~0u, tcp_state);
  return 0;
}

/* Attached to two functions of which one calls the other, unless the compiler has inlined it: what
 * one reported the other does not report again. `now`: segments that the kernel will send at most, and
 * has not counted yet; 0: it has counted them. */
static __always_inline int on_retransmit_call(const struct sock *sk, const struct sk_buff *skb,
                                              __u32 now) {
  __u8 tcp_state = READ(sk, __sk_common.skc_state);
  const struct tcp_sock *tcp = TCP_SOCK(sk);
  struct socket_state *state = FIND_OWN_STATE(sk, IPPROTO_TCP);
  if (!tcp)
    return 0;
  __u32 total = READ(tcp, total_retrans) + now;
  if (state && total <= state->told_retransmits)
    return 0;
  if (state)
    state->told_retransmits = total;
  emit_retransmit(sk, skb, state, total, now ?: ~0u, tcp_state);
  return 0;
}

static __always_inline int on_reset(const struct sock *sk, __u32 sent) {
  /* Some verifiers assume that sk is never NULL and remove a test for it. The members of a NULL sk
   * read as 0. */
  if (!is_internet(READ(sk, __sk_common.skc_family)))
    return 0;
  struct socket_state *state = NULL;
  __u8 tcp_state = READ(sk, __sk_common.skc_state);
  if (tcp_state != TCP_NEW_SYN_RECV && tcp_state != TCP_TIME_WAIT) {
    if (tcp_state == TCP_LISTEN)
      return 0; /* a reset that answers a stray packet, not of a connection */
    state = FIND_OWN_STATE(sk, IPPROTO_TCP);
  }
  emit_flow(WIRE_RESET, sk, state, sent, 0, tcp_state, tcp_state, bpf_ktime_get_ns());
  return 0;
}

#endif
