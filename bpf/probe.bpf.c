/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Kprobes, for kernels and machines where nothing better attaches. */
#include "bpf/lib/context_kprobe.h"

#include "bpf/lib/lifecycle.h"
#include "bpf/lib/refusal.h"
#include "bpf/lib/use.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* A call in progress: the return probe does not see the arguments. */
struct call_key {
  __u64 pid_tgid;
  __u64 function;
};
struct call {
  struct sock *sk;
  int flags;
  __u32 pad0;
};
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 16384);
  __type(key, struct call_key);
  __type(value, struct call);
} calls SEC(".maps");

enum { ACCEPT, TCP_SEND, TCP_RECEIVE, UDP_SEND, UDP_RECEIVE, UDPV6_SEND, UDPV6_RECEIVE, SEND_PAGE };

/* The kernel follows only a limited number of calls of a function to their return at a time. When a
 * thread calls again and its last call is still noted here, that call's return was missed. */
static __always_inline void enter(__u64 function, struct sock *sk, int flags) {
  struct call_key key = {.pid_tgid = bpf_get_current_pid_tgid(), .function = function};
  struct call call = {.sk = sk, .flags = flags};
  if (bpf_map_lookup_elem(&calls, &key)) {
    struct wire_control *shared = get_control();
    if (shared)
      __sync_fetch_and_add(&shared->missed_returns, 1);
  }
  bpf_map_update_elem(&calls, &key, &call, 0);
}

static __always_inline bool leave(__u64 function, struct call *call) {
  struct call_key key = {.pid_tgid = bpf_get_current_pid_tgid(), .function = function};
  struct call *found = bpf_map_lookup_elem(&calls, &key);
  if (!found)
    return false;
  *call = *found;
  bpf_map_delete_elem(&calls, &key);
  return true;
}

static __always_inline int leave_io(__u64 function, int result, __u32 sent) {
  struct call call;
  if (!leave(function, &call))
    return 0;
  return transport_of(call.sk) == IPPROTO_TCP ? on_tcp_io(call.sk, result, call.flags, sent)
                                              : on_udp_io(call.sk, result, call.flags, sent);
}

static __always_inline int receive_flags(struct pt_regs *ctx, __u8 args) {
  int flags;
  if (args == 6) { /* before 5.19 */
    flags = (int)PT_REGS_PARM5(ctx);
    KEEP_APART(6);
  } else {
    flags = (int)PT_REGS_PARM4(ctx);
    KEEP_APART(5);
  }
  return flags;
}

#define ON_RETURN(function, number, sent)                        \
  SEC("?kretprobe/" #function)                                   \
  int BPF_KRETPROBE(kretprobe__##function, int result) {         \
    return leave_io(number, result, sent);                       \
  }

/* The process that uses a connection is known at entry; the number of bytes only at return. */
#define ON_TCP_ENTRY(function, number, flags, sent)                                \
  SEC("?kprobe/" #function)                                                        \
  int BPF_KPROBE(kprobe__##function, struct sock *sk) {                            \
    if (config.observe & WIRE_OBSERVE_DATA)                                        \
      enter(number, sk, flags);                                                    \
    else                                                                           \
      on_tcp_io(sk, 1, flags, sent);                                                   \
    return 0;                                                                      \
  }

ON_TCP_ENTRY(tcp_sendmsg, TCP_SEND, 0, WIRE_SENT)
ON_RETURN(tcp_sendmsg, TCP_SEND, WIRE_SENT)
ON_TCP_ENTRY(tcp_sendpage, SEND_PAGE, 0, WIRE_SENT)
ON_RETURN(tcp_sendpage, SEND_PAGE, WIRE_SENT)
ON_TCP_ENTRY(tcp_recvmsg, TCP_RECEIVE, receive_flags(ctx, config.tcp_recvmsg_args), WIRE_RECEIVED)
ON_RETURN(tcp_recvmsg, TCP_RECEIVE, WIRE_RECEIVED)

/* A datagram from an IPv6 socket to an IPv4 address passes udpv6_sendmsg and then udp_sendmsg; only
 * the first one counts it. */
#define ON_UDP_ENTRY(function, number, flags, wanted)                              \
  SEC("?kprobe/" #function)                                                        \
  int BPF_KPROBE(kprobe__##function, struct sock *sk) {                            \
    if (READ(sk, __sk_common.skc_family) == wanted)                                \
      enter(number, sk, flags);                                                    \
    return 0;                                                                      \
  }

ON_UDP_ENTRY(udp_sendmsg, UDP_SEND, 0, AF_INET)
ON_RETURN(udp_sendmsg, UDP_SEND, WIRE_SENT)
ON_UDP_ENTRY(udpv6_sendmsg, UDPV6_SEND, 0, AF_INET6)
ON_RETURN(udpv6_sendmsg, UDPV6_SEND, WIRE_SENT)
ON_UDP_ENTRY(udp_sendpage, SEND_PAGE, 0, AF_INET)
ON_RETURN(udp_sendpage, SEND_PAGE, WIRE_SENT)
ON_UDP_ENTRY(udp_recvmsg, UDP_RECEIVE, receive_flags(ctx, config.udp_recvmsg_args), AF_INET)
ON_RETURN(udp_recvmsg, UDP_RECEIVE, WIRE_RECEIVED)
ON_UDP_ENTRY(udpv6_recvmsg, UDPV6_RECEIVE, receive_flags(ctx, config.udpv6_recvmsg_args), AF_INET6)
ON_RETURN(udpv6_recvmsg, UDPV6_RECEIVE, WIRE_RECEIVED)

SEC("?kprobe/inet_csk_accept")
int BPF_KPROBE(kprobe__inet_csk_accept, struct sock *listener) {
  enter(ACCEPT, listener, 0);
  return 0;
}

SEC("?kretprobe/inet_csk_accept")
int BPF_KRETPROBE(kretprobe__inet_csk_accept, struct sock *accepted) {
  struct call call;
  if (leave(ACCEPT, &call) && accepted)
    on_accept(accepted, accepted, accepted);
  return 0;
}

/* Called within accept for all address families. Kernels that have it need no return probe. */
SEC("?kprobe/security_sock_graft")
int BPF_KPROBE(kprobe__security_sock_graft, struct sock *accepted) {
  return READ(accepted, sk_protocol) == IPPROTO_TCP ? on_accept(accepted, accepted, accepted) : 0;
}

SEC("?kprobe/udp_init_sock")
int BPF_KPROBE(kprobe__udp_init_sock, struct sock *sk) { return on_birth(sk, READ(sk, sk_protocol)); }

SEC("?kprobe/udpv6_init_sock")
int BPF_KPROBE(kprobe__udpv6_init_sock, struct sock *sk) { return on_birth(sk, READ(sk, sk_protocol)); }

SEC("?kprobe/inet_release")
int BPF_KPROBE(kprobe__inet_release, struct socket *socket) {
  struct sock *sk = BPF_CORE_READ(socket, sk);
  return sk ? on_release(sk, transport_of(sk)) : 0;
}

SEC("?kprobe/tcp_retransmit_skb")
int BPF_KPROBE(kprobe__tcp_retransmit_skb, struct sock *sk, struct sk_buff *skb, int segments) {
  return on_retransmit_call(sk, skb, (__u32)segments);
}

SEC("?kprobe/__tcp_retransmit_skb")
int BPF_KPROBE(kprobe____tcp_retransmit_skb, struct sock *sk, struct sk_buff *skb, int segments) {
  return on_retransmit_call(sk, skb, (__u32)segments);
}

SEC("?kprobe/tcp_send_active_reset")
int BPF_KPROBE(kprobe__tcp_send_active_reset, struct sock *sk) { return on_reset(sk, WIRE_SENT); }

SEC("?kprobe/tcp_v4_send_reset")
int BPF_KPROBE(kprobe__tcp_v4_send_reset, struct sock *sk) {
  return sk ? on_reset(sk, WIRE_SENT) : 0;
}

SEC("?kprobe/tcp_v6_send_reset")
int BPF_KPROBE(kprobe__tcp_v6_send_reset, struct sock *sk) {
  return sk ? on_reset(sk, WIRE_SENT) : 0;
}

SEC("?kprobe/tcp_v4_send_reset")
int BPF_KPROBE(kprobe__tcp_v4_send_reset__refused, struct sock *sk, struct sk_buff *skb) {
  return on_refusal_or_reset(sk, skb);
}

SEC("?kprobe/tcp_v6_send_reset")
int BPF_KPROBE(kprobe__tcp_v6_send_reset__refused, struct sock *sk, struct sk_buff *skb) {
  return on_refusal_or_reset(sk, skb);
}

SEC("?kprobe/tcp_reset")
int BPF_KPROBE(kprobe__tcp_reset, struct sock *sk) { return on_reset(sk, WIRE_RECEIVED); }

/* Only in listen(2) does the kernel set the state without tcp_set_state. */
SEC("?kprobe/tcp_set_state")
int BPF_KPROBE(kprobe__tcp_set_state, struct sock *sk, int state) {
  return on_state(sk, READ(sk, __sk_common.skc_state), state);
}

/* At this call the process is known; whether the socket really listens only shows at the first
 * connection. */
SEC("?kprobe/inet_csk_listen_start")
int BPF_KPROBE(kprobe__inet_csk_listen_start, struct sock *sk) {
  return on_state(sk, TCP_CLOSE, TCP_LISTEN);
}

SEC("?kprobe/tcp_v4_destroy_sock")
int BPF_KPROBE(kprobe__tcp_v4_destroy_sock, struct sock *sk) { return on_destroy(sk); }
