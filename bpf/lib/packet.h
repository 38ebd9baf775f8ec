/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Packet headers as cgroup programs see them: in one piece, from the IP header on. A sent packet is
 * seen before it is cut into fragments, and before UDP_SEGMENT cuts it into datagrams. A received
 * packet is seen after both, unless the socket asked for UDP_GRO, and before it is put into the
 * receive buffer. */
#ifndef SOCKSCOPE_BPF_PACKET_H
#define SOCKSCOPE_BPF_PACKET_H

#include "bpf/lib/maps.h"

#include <bpf/bpf_endian.h>

#define IPV4_ADDRESSES 12 /* where they begin: the sender's, then the receiver's */
#define IPV6_ADDRESSES 8
#define IPV4_HEADER 20 /* at least */
#define IPV6_HEADER 40
#define UDP_HEADER 8
#define TCP_HEADER 20 /* at least */
#define MOST_EXTENSIONS 4

struct packet {
  __u32 payload_at;
  __u32 sequence; /* TCP's */
  __u16 source;
  __u16 destination;
  __u8 family;
  __u8 protocol;
};

static __always_inline __u16 u16_at(const __u8 *bytes) { return bpf_ntohs(*(const __be16 *)bytes); }

/* Skips IPv6 extension headers, which stand in a chain between the IPv6 header and that of the
 * transport. Returns 0 when there are too many. */
static __always_inline __u32 skip_extensions(struct __sk_buff *skb, __u8 *protocol) {
  __u32 at = IPV6_HEADER;
  for (int i = 0; i < MOST_EXTENSIONS; i++) {
    __u8 head[2]; /* type of the next header, and length of this one */
    if (*protocol == IPPROTO_UDP || *protocol == IPPROTO_TCP)
      return at;
    if (*protocol != IPPROTO_HOPOPTS && *protocol != IPPROTO_ROUTING && *protocol != IPPROTO_DSTOPTS)
      return 0;
    if (bpf_skb_load_bytes(skb, at, head, sizeof(head)))
      return 0;
    *protocol = head[0];
    at += ((__u32)head[1] + 1) << 3;
  }
  return 0;
}

/* False: neither UDP nor TCP, or truncated; without config.dns also for TCP, which only DNS
 * needs. */
static __always_inline bool read_packet(struct __sk_buff *skb, struct packet *packet) {
  const __u8 *data = (const __u8 *)(unsigned long)skb->data;
  const __u8 *end = (const __u8 *)(unsigned long)skb->data_end;
  if (data + IPV4_HEADER + UDP_HEADER > end)
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
    if (packet->protocol != IPPROTO_UDP && packet->protocol != IPPROTO_TCP)
      header = skip_extensions(skb, &packet->protocol);
  }
  if (packet->protocol != IPPROTO_UDP && (packet->protocol != IPPROTO_TCP || !config.dns))
    return false;
  const __u8 *transport = data + header;
  if (header == 0 || transport + UDP_HEADER > end)
    return false;
  packet->source = u16_at(transport);
  packet->destination = u16_at(transport + 2);
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

#endif
