/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Hooks of the root cgroup that run in the process's own context, seldom: the birth of a UDP
 * socket, accept(2) with an address wanted, and the last close of any socket. */
#include "bpf/kernel_types.h"

#include <bpf/bpf_tracing.h>

#include "bpf/lib/emit.h"
#include "bpf/lib/owner.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define ALLOW 1

/* The context of a cgroup/sock program is the socket itself, but the verifier lets us read only a
 * few of its fields: the rest is read as kernel memory. */
static __always_inline void read_address(struct wire_flow *record, const struct sock *sk) {
  record->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
  record->remote_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
  if (record->family == AF_INET6) {
    bpf_probe_read_kernel(record->local_addr, 16, &sk->__sk_common.skc_v6_rcv_saddr);
    bpf_probe_read_kernel(record->remote_addr, 16, &sk->__sk_common.skc_v6_daddr);
  } else {
    __builtin_memset(record->local_addr, 0, 32);
    bpf_probe_read_kernel(record->local_addr, 4, &sk->__sk_common.skc_rcv_saddr);
    bpf_probe_read_kernel(record->remote_addr, 4, &sk->__sk_common.skc_daddr);
  }
}

SEC("?cgroup/sock_create")
int cgroup__sock_create(struct bpf_sock *ctx) {
  if (ctx->protocol != IPPROTO_UDP || (ctx->family != AF_INET && ctx->family != AF_INET6))
    return ALLOW;
  struct socket_state *state = get_or_create_state(ctx);
  if (state) {
    set_opener(state);
    state->since_ns = bpf_ktime_get_ns();
    note_netns(state, read_netns((const struct sock_common *)(void *)ctx));
  }
  return ALLOW;
}

/* Another process uses a connection now. The caller fills in the addresses. */
static __always_inline struct wire_flow *reserve_owner(struct bpf_sock *socket,
                                                       const struct socket_state *state,
                                                       __u64 cookie) {
  struct wire_flow *record = reserve(WIRE_OWNER, sizeof(*record));
  if (!record)
    return NULL;
  fill_header(record, WIRE_OWNER, sizeof(*record), state->netns, bpf_ktime_get_ns());
  record->cookie = cookie;
  record->family = (__u8)socket->family;
  record->protocol = IPPROTO_TCP;
  record->state = (__u8)socket->state;
  fill_owner(record, state);
  return record;
}

SEC("?cgroup/sock_release")
int cgroup__sock_release(struct bpf_sock *ctx) {
  __u32 protocol = ctx->protocol;
  __u32 family = ctx->family;
  if ((protocol != IPPROTO_UDP && protocol != IPPROTO_TCP) ||
      (family != AF_INET && family != AF_INET6))
    return ALLOW;
  struct socket_state *state = bpf_sk_storage_get(&sockets, ctx, 0, 0);
  if (!state)
    return ALLOW;
  __u32 owner_before = state->pid;
  note_use(state);
  if (protocol == IPPROTO_TCP) {
    /* Unless somebody else closes it than used it, the close record tells all. */
    if (state->pid != owner_before && state->direction != WIRE_DIRECTION_LISTEN && state->since_ns) {
      struct wire_flow *owner = reserve_owner(ctx, state, bpf_get_socket_cookie(ctx));
      if (owner) {
        read_address(owner, (const struct sock *)(void *)ctx);
        submit(owner);
      }
    }
    return ALLOW;
  }
  struct wire_flow_totals *record = reserve(WIRE_CLOSE, sizeof(*record));
  if (!record)
    return ALLOW;
  fill_header(&record->flow, WIRE_CLOSE, sizeof(*record), state->netns, bpf_ktime_get_ns());
  record->flow.cookie = bpf_get_socket_cookie(ctx);
  record->flow.family = (__u8)family;
  record->flow.protocol = IPPROTO_UDP;
  record->flow.state = 0;
  read_address(&record->flow, (const struct sock *)(void *)ctx);
  fill_owner(&record->flow, state);
  fill_udp_totals(record, state);
  submit(record);
  return ALLOW;
}

/* accept(2) asks the new socket for its peer's name while the acceptor runs: the one place, short
 * of probing the kernel's functions, where the acceptor shows itself. getpeername(2) looks the
 * same from here, so this is a use like any other. */
static __always_inline int on_peer_name(struct bpf_sock_addr *ctx, bool ipv6) {
  if (ctx->protocol != IPPROTO_TCP)
    return ALLOW;
  struct bpf_sock *socket = ctx->sk;
  if (!socket)
    return ALLOW;
  struct socket_state *state = bpf_sk_storage_get(&sockets, socket, 0, 0);
  if (!state || state->direction == WIRE_DIRECTION_LISTEN)
    return ALLOW;
  if (!note_use(state))
    return ALLOW;
  struct wire_flow *record = reserve_owner(socket, state, bpf_get_socket_cookie(ctx));
  if (!record)
    return ALLOW;
  record->local_port = (__u16)socket->src_port;
  record->remote_port = bpf_ntohs(socket->dst_port);
  __u32 *local = (__u32 *)record->local_addr;
  __u32 *remote = (__u32 *)record->remote_addr;
  if (ipv6) {
    local[0] = socket->src_ip6[0];
    local[1] = socket->src_ip6[1];
    local[2] = socket->src_ip6[2];
    local[3] = socket->src_ip6[3];
    remote[0] = socket->dst_ip6[0];
    remote[1] = socket->dst_ip6[1];
    remote[2] = socket->dst_ip6[2];
    remote[3] = socket->dst_ip6[3];
  } else {
    __builtin_memset(record->local_addr, 0, 32);
    local[0] = socket->src_ip4;
    remote[0] = socket->dst_ip4;
  }
  submit(record);
  return ALLOW;
}

SEC("?cgroup/getpeername4")
int cgroup__getpeername4(struct bpf_sock_addr *ctx) { return on_peer_name(ctx, false); }

SEC("?cgroup/getpeername6")
int cgroup__getpeername6(struct bpf_sock_addr *ctx) { return on_peer_name(ctx, true); }
