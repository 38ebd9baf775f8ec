/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Tracepoints, which pass typed pointers. */
#include "bpf/lib/context_tracing.h"

#include "bpf/lib/lifecycle.h"
#include "bpf/lib/refusal.h"
#include "bpf/lib/use.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("?sockscope/tp_btf/inet_sock_set_state")
int BPF_PROG(tp_btf__inet_sock_set_state, const struct sock *sk, const int old_state,
             const int new_state) {
  return on_state_of_two(sk, old_state, new_state, false);
}

SEC("?sockscope/tp_btf/inet_sock_set_state")
int BPF_PROG(tp_btf__inet_sock_set_state__copy, const struct sock *sk, const int old_state,
             const int new_state) {
  return on_state_of_two(sk, old_state, new_state, true);
}

/* Since Linux 6.15 the kernel also reports retransmits that failed, and passes the error. */
SEC("?sockscope/tp_btf/tcp_retransmit_skb")
int BPF_PROG(tp_btf__tcp_retransmit_skb__error, const struct sock *sk, const struct sk_buff *skb,
             int error) {
  return error ? 0 : on_retransmit(sk, skb);
}

SEC("?sockscope/tp_btf/tcp_retransmit_skb")
int BPF_PROG(tp_btf__tcp_retransmit_skb, const struct sock *sk, const struct sk_buff *skb) {
  return on_retransmit(sk, skb);
}

SEC("?sockscope/tp_btf/tcp_send_reset")
int BPF_PROG(tp_btf__tcp_send_reset, const struct sock *sk, const struct sk_buff *skb) {
  if (!sk) /* the reset answers a packet for which there is no socket */
    return 0;
  return on_reset(sk, WIRE_SENT);
}

/* Since Linux 6.10 the kernel also reports resets without a socket, and passes the reason. */
SEC("?sockscope/tp_btf/tcp_send_reset")
int BPF_PROG(tp_btf__tcp_send_reset__refused, const struct sock *sk, const struct sk_buff *skb,
             enum sk_rst_reason reason) {
  return skb && reason == bpf_core_enum_value(enum sk_rst_reason, SK_RST_REASON_NO_SOCKET)
             ? on_refusal(skb)
             : 0;
}

SEC("?sockscope/tp_btf/tcp_receive_reset")
int BPF_PROG(tp_btf__tcp_receive_reset, struct sock *sk) { return on_reset(sk, WIRE_RECEIVED); }

/* These two run for every socket there is, Unix ones too. */
SEC("?sockscope/tp_btf/sock_send_length")
int BPF_PROG(tp_btf__sock_send_length, struct sock *sk, int result, int flags) {
  return on_io(sk, result, flags, WIRE_SENT);
}

SEC("?sockscope/tp_btf/sock_recv_length")
int BPF_PROG(tp_btf__sock_recv_length, struct sock *sk, int result, int flags) {
  return on_io(sk, result, flags, WIRE_RECEIVED);
}

SEC("?sockscope/tp_btf/tcp_destroy_sock")
int BPF_PROG(tp_btf__tcp_destroy_sock, struct sock *sk) { return on_destroy(sk); }
