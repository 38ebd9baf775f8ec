/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* SYNs to this host that met no listener: the kernel answers them with a reset, and has no socket
 * for them. */
#ifndef SOCKSCOPE_BPF_REFUSAL_H
#define SOCKSCOPE_BPF_REFUSAL_H

#include "bpf/lib/emit.h"

#define REFUSAL_TURN_NS (1ull << 27) /* about an eighth of a second */
#define REFUSALS_A_TURN 256
#define TCP_SYN 0x02
#define TCP_ACK 0x10

/* A flood of SYNs to this host must not push all other records out of the ring. */
static __always_inline bool may_tell_refusal(__u64 now_ns, __u32 *untold) {
  __u32 zero = 0;
  struct refusal_turn *turn = bpf_map_lookup_elem(&refusal_turns, &zero);
  if (!turn)
    return false;
  if (now_ns - turn->began_ns >= REFUSAL_TURN_NS) {
    turn->began_ns = now_ns;
    turn->told = 0;
  }
  if (turn->told == REFUSALS_A_TURN) {
    turn->untold += 1;
    return false;
  }
  turn->told += 1;
  *untold = turn->untold;
  turn->untold = 0;
  return true;
}

/* For a packet that is answered with a reset and belongs to no socket. All hooks read it as kernel
 * memory, because such programs load quickly. */
static __always_inline int on_refusal(const struct sk_buff *skb) {
  const unsigned char *head = BPF_CORE_READ(skb, head);
  const unsigned char *transport = head + BPF_CORE_READ(skb, transport_header);
  const unsigned char *network = head + BPF_CORE_READ(skb, network_header);
  __u8 tcp[14];
  __u8 ip[40];
  if (bpf_probe_read_kernel(tcp, sizeof(tcp), transport) ||
      (tcp[13] & (TCP_SYN | TCP_ACK)) != TCP_SYN || bpf_probe_read_kernel(ip, sizeof(ip), network))
    return 0;
  __u64 now = bpf_ktime_get_ns();
  __u32 untold = 0;
  if (!may_tell_refusal(now, &untold))
    return 0;
  struct wire_flow *record = reserve(WIRE_REFUSED, sizeof(*record));
  if (!record)
    return 0;
  fill_header(record, WIRE_REFUSED, sizeof(*record), BPF_CORE_READ(skb, dev, nd_net.net, ns.inum), now);
  fill_owner(record, NULL);
  record->cookie = 0;
  record->protocol = IPPROTO_TCP;
  record->state = 0;
  record->direction = WIRE_DIRECTION_INBOUND;
  record->interface = interface_number((__u32)BPF_CORE_READ(skb, dev, ifindex));
  record->value = untold;
  record->remote_port = (__u16)(tcp[0] << 8 | tcp[1]);
  record->local_port = (__u16)(tcp[2] << 8 | tcp[3]);
  if (ip[0] >> 4 == 4) {
    record->family = AF_INET;
    __builtin_memset(record->local_addr, 0, 32);
    __builtin_memcpy(record->remote_addr, ip + 12, 4);
    __builtin_memcpy(record->local_addr, ip + 16, 4);
  } else {
    record->family = AF_INET6;
    __builtin_memcpy(record->remote_addr, ip + 8, 16);
    __builtin_memcpy(record->local_addr, ip + 24, 16);
  }
  submit(record);
  return 0;
}

/* The same for any packet that is answered with a reset. Some verifiers would remove a test of sk
 * for NULL; the members of a NULL sk read as 0. */
static __always_inline int on_refusal_or_reset(const struct sock *sk, const struct sk_buff *skb) {
  return BPF_CORE_READ(sk, __sk_common.skc_family) == 0 ? on_refusal(skb) : 0;
}

#endif
