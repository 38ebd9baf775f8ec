/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Hooks of the root cgroup that run in the process's own context, and seldom. Their context is the
 * socket itself, but the verifier allows only a few of its members: all others are read as kernel
 * memory. */
#include "bpf/lib/context_cgroup.h"

#include "bpf/lib/use.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define ALLOW 1

SEC("?cgroup/sock_create")
int cgroup__sock_create(struct bpf_sock *ctx) {
  if (is_internet(ctx->family))
    on_birth((struct sock *)(void *)ctx, (__u16)ctx->protocol);
  return ALLOW;
}

SEC("?cgroup/sock_release")
int cgroup__sock_release(struct bpf_sock *ctx) {
  if (is_internet(ctx->family))
    on_release((struct sock *)(void *)ctx, (__u16)ctx->protocol);
  return ALLOW;
}

/* accept(2) asks the new socket for its peer's name while the accepting process runs. No other hook
 * shows that process, except probes of kernel functions. getpeername(2) cannot be told apart here,
 * so the call counts as a use like any other. */
static __always_inline int on_peer_name(struct bpf_sock_addr *ctx) {
  struct bpf_sock *socket = ctx->sk;
  if (ctx->protocol == IPPROTO_TCP && socket)
    on_accept((struct sock *)address_of(socket), socket, ctx);
  return ALLOW;
}

SEC("?cgroup/getpeername4")
int cgroup__getpeername4(struct bpf_sock_addr *ctx) { return on_peer_name(ctx); }

SEC("?cgroup/getpeername6")
int cgroup__getpeername6(struct bpf_sock_addr *ctx) { return on_peer_name(ctx); }

/* Only the call tells which name server an unconnected socket asks: netfilter may write another
 * server and another port into the packet. A later call to any other port removes the entry. */
static __always_inline int on_udp_send(struct bpf_sock_addr *ctx, const void *address) {
  __u64 cookie = bpf_get_socket_cookie(ctx);
  if (ctx->protocol == IPPROTO_UDP && ctx->user_port == bpf_htons(WIRE_DNS_PORT))
    bpf_map_update_elem(&asked_servers, &cookie, address, 0);
  else
    bpf_map_delete_elem(&asked_servers, &cookie);
  return ALLOW;
}

SEC("?cgroup/sendmsg4")
int cgroup__sendmsg4(struct bpf_sock_addr *ctx) {
  __u32 address[4] = {ctx->user_ip4};
  return on_udp_send(ctx, address);
}

SEC("?cgroup/sendmsg6")
int cgroup__sendmsg6(struct bpf_sock_addr *ctx) {
  __u32 address[4] = {ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3]};
  return on_udp_send(ctx, address);
}

/* Programs that keep states in the hash cannot make the kernel number a socket. These can: at
 * creation, for sockets that a process opens, and just before establishment, for those that it
 * accepts. */
SEC("?cgroup/sock_create")
int cgroup__sock_create__number(struct bpf_sock *ctx) {
  if (!is_internet(ctx->family))
    return ALLOW;
  __u64 cookie = bpf_get_socket_cookie(ctx);
  struct socket_state *state = find_state(ctx, (__u16)ctx->protocol);
  if (state && state->identity >> 63) /* nothing has reported the number yet */
    state->identity = cookie;
  return ALLOW;
}

SEC("?sockops")
int sockops__number(struct bpf_sock_ops *ctx) {
  if (ctx->op == BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB)
    bpf_get_socket_cookie(ctx);
  return 1;
}
