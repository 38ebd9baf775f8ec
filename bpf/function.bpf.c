/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Entry and return of kernel functions through the trampoline (fentry, fexit), with typed pointers.
 * What follows the parameters (the return value) has its place after as many parameters as this
 * kernel's function has. */
#include "bpf/lib/context_tracing.h"

#include "bpf/lib/lifecycle.h"
#include "bpf/lib/refusal.h"
#include "bpf/lib/use.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("?sockscope/fentry/udp_init_sock")
int BPF_PROG(fentry__udp_init_sock, struct sock *sk) { return on_birth(sk, READ(sk, sk_protocol)); }

SEC("?sockscope/fentry/udpv6_init_sock")
int BPF_PROG(fentry__udpv6_init_sock, struct sock *sk) { return on_birth(sk, READ(sk, sk_protocol)); }

SEC("?sockscope/fentry/inet_release")
int BPF_PROG(fentry__inet_release, struct socket *socket) {
  struct sock *sk = socket->sk;
  return sk ? on_release(sk, transport_of(sk)) : 0;
}

SEC("?sockscope/fexit/inet_csk_accept")
int fexit__inet_csk_accept(__u64 *ctx) {
  struct sock *accepted;
  if (config.accept_args == 2) {
    accepted = (struct sock *)ctx[2];
    KEEP_APART(2);
  } else {
    accepted = (struct sock *)ctx[4];
    KEEP_APART(4);
  }
  return accepted ? on_accept(accepted, accepted, accepted) : 0;
}

SEC("?sockscope/fexit/tcp_sendmsg")
int BPF_PROG(fexit__tcp_sendmsg, struct sock *sk, void *message, unsigned long size, int result) {
  return on_tcp_io(sk, result, 0, WIRE_SENT);
}

SEC("?sockscope/fexit/tcp_sendpage")
int BPF_PROG(fexit__tcp_sendpage, struct sock *sk, void *page, int offset, unsigned long size,
             int flags, int result) {
  return on_tcp_io(sk, result, 0, WIRE_SENT);
}

/* A datagram from an IPv6 socket to an IPv4 address passes udpv6_sendmsg and then udp_sendmsg; only
 * the first one counts it. */
SEC("?sockscope/fexit/udp_sendmsg")
int BPF_PROG(fexit__udp_sendmsg, struct sock *sk, void *message, unsigned long size, int result) {
  return sk->__sk_common.skc_family == AF_INET ? on_udp_io(sk, result, 0, WIRE_SENT) : 0;
}

SEC("?sockscope/fexit/udpv6_sendmsg")
int BPF_PROG(fexit__udpv6_sendmsg, struct sock *sk, void *message, unsigned long size,
             int result) {
  return sk->__sk_common.skc_family == AF_INET6 ? on_udp_io(sk, result, 0, WIRE_SENT) : 0;
}

SEC("?sockscope/fexit/udp_sendpage")
int BPF_PROG(fexit__udp_sendpage, struct sock *sk, void *page, int offset, unsigned long size,
             int flags, int result) {
  return on_udp_io(sk, result, 0, WIRE_SENT);
}

/* recvmsg(sk, message, size, flags[, length of the address]); before 5.19
 * recvmsg(sk, message, size, noblock, flags, length of the address). */
static __always_inline int on_recvmsg(const __u64 *ctx, __u8 args, bool is_tcp) {
  __u64 result, flags;
  if (args == 6) {
    result = ctx[6];
    flags = ctx[4];
    KEEP_APART(6);
  } else if (args == 5) {
    result = ctx[5];
    flags = ctx[3];
    KEEP_APART(5);
  } else {
    result = ctx[4];
    flags = ctx[3];
    KEEP_APART(4);
  }
  struct sock *sk = (struct sock *)ctx[0];
  return is_tcp ? on_tcp_io(sk, (int)result, (int)flags, WIRE_RECEIVED)
                : on_udp_io(sk, (int)result, (int)flags, WIRE_RECEIVED);
}

SEC("?sockscope/fexit/tcp_recvmsg")
int fexit__tcp_recvmsg(__u64 *ctx) { return on_recvmsg(ctx, config.tcp_recvmsg_args, true); }

SEC("?sockscope/fexit/udp_recvmsg")
int fexit__udp_recvmsg(__u64 *ctx) { return on_recvmsg(ctx, config.udp_recvmsg_args, false); }

SEC("?sockscope/fexit/udpv6_recvmsg")
int fexit__udpv6_recvmsg(__u64 *ctx) { return on_recvmsg(ctx, config.udpv6_recvmsg_args, false); }

SEC("?sockscope/fexit/tcp_retransmit_skb")
int BPF_PROG(fexit__tcp_retransmit_skb, struct sock *sk, struct sk_buff *skb, int segments,
             int error) {
  return error ? 0 : on_retransmit_call(sk, skb, 0);
}

SEC("?sockscope/fexit/__tcp_retransmit_skb")
int BPF_PROG(fexit____tcp_retransmit_skb, struct sock *sk, struct sk_buff *skb, int segments,
             int error) {
  return error ? 0 : on_retransmit_call(sk, skb, 0);
}

SEC("?sockscope/fentry/tcp_send_active_reset")
int BPF_PROG(fentry__tcp_send_active_reset, struct sock *sk) { return on_reset(sk, WIRE_SENT); }

SEC("?sockscope/fentry/tcp_v4_send_reset")
int BPF_PROG(fentry__tcp_v4_send_reset, struct sock *sk) {
  return sk ? on_reset(sk, WIRE_SENT) : 0;
}

SEC("?sockscope/fentry/tcp_v6_send_reset")
int BPF_PROG(fentry__tcp_v6_send_reset, struct sock *sk) {
  return sk ? on_reset(sk, WIRE_SENT) : 0;
}

SEC("?sockscope/fentry/tcp_v4_send_reset")
int BPF_PROG(fentry__tcp_v4_send_reset__refused, struct sock *sk, struct sk_buff *skb) {
  return on_refusal_or_reset(sk, skb);
}

SEC("?sockscope/fentry/tcp_v6_send_reset")
int BPF_PROG(fentry__tcp_v6_send_reset__refused, struct sock *sk, struct sk_buff *skb) {
  return on_refusal_or_reset(sk, skb);
}

SEC("?sockscope/fentry/tcp_reset")
int BPF_PROG(fentry__tcp_reset, struct sock *sk) { return on_reset(sk, WIRE_RECEIVED); }

/* Only in listen(2) does the kernel set the state without tcp_set_state. */
SEC("?sockscope/fentry/tcp_set_state")
int BPF_PROG(fentry__tcp_set_state, struct sock *sk, int state) {
  return on_state_of_two(sk, sk->__sk_common.skc_state, state, false);
}

SEC("?sockscope/fentry/tcp_set_state")
int BPF_PROG(fentry__tcp_set_state__copy, struct sock *sk, int state) {
  return on_state_of_two(sk, sk->__sk_common.skc_state, state, true);
}

SEC("?sockscope/fexit/inet_csk_listen_start")
int BPF_PROG(fexit__inet_csk_listen_start, struct sock *sk) {
  return on_state(sk, TCP_CLOSE, sk->__sk_common.skc_state);
}

SEC("?sockscope/fentry/tcp_v4_destroy_sock")
int BPF_PROG(fentry__tcp_v4_destroy_sock, struct sock *sk) { return on_destroy(sk); }
