/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Doors: every packet that a socket of this host sends or gets. Those from or to port 53 are copied
 * with their socket; of all others nothing but the ports is looked at. Both hooks see a packet from
 * its IP header on, with the headers in one piece, before it is cut into fragments or after it was
 * put together from them. IPv6 extension headers are not followed. */
#include "bpf/kernel_types.h"

#include <bpf/bpf_tracing.h>

#define POINTERS_ARE_PLAIN
#include "bpf/lib/emit.h"
#include "bpf/lib/state.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define ALLOW 1
#define UDP_HEADER 8
#define TCP_HEADER 20
#define IPV6_HEADER 40
#define IPV4_ADDRESSES 12 /* the sender's, then the receiver's */
#define IPV6_ADDRESSES 8

struct packet {
  __u32 payload_at;
  __u32 sequence;
  __u16 source;
  __u16 destination;
  __u8 family;
  __u8 protocol;
};

static __always_inline __u16 u16_at(const __u8 *bytes) { return bpf_ntohs(*(const __be16 *)bytes); }

/* False: nothing to or from port 53. */
static __always_inline bool read_headers(struct __sk_buff *skb, struct packet *packet) {
  const __u8 *data = (const __u8 *)(unsigned long)skb->data;
  const __u8 *end = (const __u8 *)(unsigned long)skb->data_end;
  if (data + 20 + UDP_HEADER > end)
    return false;
  __u32 header;
  if (data[0] >> 4 == 4) {
    header = (data[0] & 15) << 2;
    packet->family = AF_INET;
    packet->protocol = data[9];
  } else {
    header = IPV6_HEADER;
    packet->family = AF_INET6;
    packet->protocol = data[6];
  }
  if (packet->protocol != IPPROTO_UDP && packet->protocol != IPPROTO_TCP)
    return false;
  const __u8 *transport = data + header;
  if (transport + UDP_HEADER > end)
    return false;
  packet->source = u16_at(transport);
  packet->destination = u16_at(transport + 2);
  if (packet->source != WIRE_DNS_PORT && packet->destination != WIRE_DNS_PORT)
    return false;
  packet->sequence = 0;
  packet->payload_at = header + UDP_HEADER;
  if (packet->protocol == IPPROTO_TCP) {
    if (transport + TCP_HEADER > end)
      return false;
    packet->sequence = bpf_ntohl(*(const __be32 *)(transport + 4));
    packet->payload_at = header + ((transport[12] >> 4) << 2);
  }
  return true;
}

static __always_inline void fill_socket(struct __sk_buff *skb, struct wire_flow *record) {
  struct bpf_sock *socket = skb->sk;
  if (socket)
    socket = bpf_sk_fullsock(socket);
  struct socket_state *state = NULL;
  __u32 netns = 0;
  if (socket) {
    state = find_state(socket, (__u16)socket->protocol);
    netns = netns_of((const struct sock_common *)address_of(socket), state);
  }
  fill_owner(record, state);
  record->header.netns = netns;
  record->cookie =
      is_identity_in_state() && state ? state->identity : bpf_get_socket_cookie(skb);
}

/* `room`: how many bytes the record has for the message, a power of two. */
static __always_inline void tell(struct __sk_buff *skb, const struct packet *packet, __u32 room,
                                 __u32 payload_size, bool sent) {
  struct wire_dns *record = reserve(WIRE_DNS, sizeof(*record) + room);
  if (!record)
    return;
  __u32 captured = payload_size < room ? payload_size : room;
  /* 1 to `room`, so that every verifier believes it; the compiler must not take it out. */
  captured -= 1;
  if (room == WIRE_DNS_LITTLE)
    asm volatile("%0 &= 511" : "+r"(captured));
  else
    asm volatile("%0 &= 4095" : "+r"(captured));
  captured += 1;
  fill_socket(skb, &record->flow);
  record->flow.header.type = WIRE_DNS;
  record->flow.header.size = (__u16)(sizeof(*record) + captured);
  record->flow.header.mono_ns = bpf_ktime_get_ns();
  record->flow.family = packet->family;
  record->flow.protocol = packet->protocol;
  record->flow.state = 0;
  record->flow.interface = interface_number(skb->ifindex);
  record->flow.extra = sent ? WIRE_SENT : WIRE_RECEIVED;
  record->flow.local_port = sent ? packet->source : packet->destination;
  record->flow.remote_port = sent ? packet->destination : packet->source;
  __u8 *from = sent ? record->flow.local_addr : record->flow.remote_addr;
  __u8 *to = sent ? record->flow.remote_addr : record->flow.local_addr;
  __builtin_memset(record->flow.local_addr, 0, 32);
  long failed;
  if (packet->family == AF_INET) {
    failed = bpf_skb_load_bytes(skb, IPV4_ADDRESSES, from, 4);
    failed |= bpf_skb_load_bytes(skb, IPV4_ADDRESSES + 4, to, 4);
  } else {
    failed = bpf_skb_load_bytes(skb, IPV6_ADDRESSES, from, 16);
    failed |= bpf_skb_load_bytes(skb, IPV6_ADDRESSES + 16, to, 16);
  }
  record->payload_size = payload_size;
  record->captured = captured;
  record->sequence = packet->sequence;
  record->pad0 = 0;
  failed |= bpf_skb_load_bytes(skb, packet->payload_at, record + 1, captured);
  if (failed)
    bpf_ringbuf_discard(record, BPF_RB_NO_WAKEUP);
  else
    submit(record);
}

static __always_inline int on_packet(struct __sk_buff *skb, bool sent) {
  struct packet packet;
  if (!read_headers(skb, &packet) || skb->len <= packet.payload_at)
    return ALLOW;
  __u32 payload_size = skb->len - packet.payload_at;
  if (payload_size <= WIRE_DNS_LITTLE)
    tell(skb, &packet, WIRE_DNS_LITTLE, payload_size, sent);
  else
    tell(skb, &packet, WIRE_DNS_MOST, payload_size, sent);
  return ALLOW;
}

SEC("?cgroup_skb/egress")
int cgroup_skb__egress(struct __sk_buff *skb) { return on_packet(skb, true); }

SEC("?cgroup_skb/ingress")
int cgroup_skb__ingress(struct __sk_buff *skb) { return on_packet(skb, false); }
