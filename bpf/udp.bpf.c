/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Doors: every packet that a socket of this host sends or gets, to count what unconnected UDP
 * sockets exchange with each remote end. Of all others nothing but the protocol is looked at. A sent
 * datagram is seen before it is cut into fragments, and before UDP_SEGMENT's are cut into datagrams;
 * a received one after both, unless the socket asked for UDP_GRO, and before it is put into the
 * receive buffer. IPv6 extension headers are not followed. */
#include "bpf/kernel_types.h"

#include <bpf/bpf_tracing.h>

#define POINTERS_ARE_PLAIN
#define COOKIE(socket) 0
#include "bpf/lib/emit.h"
#include "bpf/lib/state.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define ALLOW 1
#define UDP_HEADER 8
#define IPV6_HEADER 40

#define QUIC_LONG_HEADER 0x80
#define QUIC_LEAST 1200       /* of a datagram with an Initial packet that asks for an answer */
#define QUIC_TRIES 4          /* so many of a socket's datagrams are told */

/* Fills key but for the cookie; returns where the payload begins, 0: not UDP. */
static __always_inline __u32 read_headers(struct __sk_buff *skb, struct wire_udp_peer_key *key,
                                          bool sent) {
  const __u8 *data = (const __u8 *)(unsigned long)skb->data;
  const __u8 *end = (const __u8 *)(unsigned long)skb->data_end;
  __u32 header;
  if (data + 20 + UDP_HEADER > end)
    return 0;
  if (data[0] >> 4 == 4) {
    if (data[9] != IPPROTO_UDP)
      return 0;
    key->family = AF_INET;
    *(__be32 *)key->remote_addr = *(const __be32 *)(data + (sent ? 16 : 12));
    header = (data[0] & 15) << 2;
  } else {
    if (data[6] != IPPROTO_UDP || data + IPV6_HEADER > end)
      return 0;
    key->family = AF_INET6;
    __builtin_memcpy(key->remote_addr, data + (sent ? 24 : 8), 16);
    if ((key->remote_addr[0] == 0xfe && key->remote_addr[1] >> 6 == 2) || /* fe80::/10, ff02::/16 */
        (key->remote_addr[0] == 0xff && (key->remote_addr[1] & 15) == 2))
      key->interface = skb->ifindex;
    header = IPV6_HEADER;
  }
  const __u8 *transport = data + header;
  if (transport + UDP_HEADER > end)
    return 0;
  key->remote_port = *(const __be16 *)(transport + (sent ? 2 : 0));
  return header + UDP_HEADER;
}

/* What the socket itself sends tells what it speaks; anybody may send it anything. */
static __always_inline void tell_quic(struct __sk_buff *skb, struct bpf_sock *socket, __u64 cookie,
                                      __u32 payload_at, __u32 size) {
  __u8 first;
  if (size < QUIC_LEAST || bpf_skb_load_bytes(skb, payload_at, &first, 1) ||
      !(first & QUIC_LONG_HEADER))
    return;
  struct socket_state *state = find_state(socket, IPPROTO_UDP);
  if (!state || state->told_datagrams >= QUIC_TRIES)
    return;
  state->told_datagrams++;
  struct wire_datagram *record = reserve(WIRE_DATAGRAM, sizeof(*record));
  if (!record)
    return;
  record->header.type = WIRE_DATAGRAM;
  record->header.size = sizeof(*record);
  record->header.netns = state->netns;
  record->header.mono_ns = bpf_ktime_get_ns();
  record->cookie = cookie;
  record->payload_size = size;
  record->pad0 = 0;
  if (bpf_skb_load_bytes(skb, payload_at, record->start, sizeof(record->start)))
    bpf_ringbuf_discard(record, BPF_RB_NO_WAKEUP);
  else
    submit(record);
}

/* The first datagram to or from this end; NULL: the socket is closed. */
static __always_inline struct wire_udp_peer *make_peer(const struct wire_udp_peer_key *key,
                                                  struct bpf_sock *socket) {
  if (bpf_map_lookup_elem(&closed_udp, &key->cookie))
    return NULL;
  struct socket_state *state = find_state(socket, IPPROTO_UDP);
  if (state)
    state->has_peers = 1;
  struct wire_udp_peer fresh = {.since_ns = bpf_ktime_get_ns()};
  if (!bpf_map_update_elem(&udp_peers, key, &fresh, BPF_NOEXIST)) {
    struct wire_control *shared = get_control();
    if (shared)
      __sync_fetch_and_add(&shared->peers_made, 1);
  }
  return bpf_map_lookup_elem(&udp_peers, key);
}

static __always_inline int on_packet(struct __sk_buff *skb, bool sent) {
  struct wire_udp_peer_key key = {};
  __u32 payload_at = read_headers(skb, &key, sent);
  if (!payload_at || skb->len < payload_at)
    return ALLOW;
  struct bpf_sock *socket = skb->sk;
  if (!socket)
    return ALLOW;
  socket = bpf_sk_fullsock(socket);
  if (!socket || socket->protocol != IPPROTO_UDP) /* a raw socket may send UDP too */
    return ALLOW;
  key.cookie = bpf_get_socket_cookie(skb);
  if (is_identity_in_state()) {
    struct socket_state *state = find_state(socket, IPPROTO_UDP);
    if (state)
      key.cookie = state->identity;
  }
  __u32 size = skb->len - payload_at;
  __u32 datagrams = 1;
  __u32 segment = skb->gso_size;
  if (segment && size > segment)
    datagrams = (size + segment - 1) / segment;
  if (sent)
    tell_quic(skb, socket, key.cookie, payload_at, segment ? segment : size);
  if (socket->dst_port)
    return ALLOW;
  struct wire_udp_peer *peer = bpf_map_lookup_elem(&udp_peers, &key);
  if (!peer)
    peer = make_peer(&key, socket);
  if (!peer)
    return ALLOW;
  if (sent) {
    __sync_fetch_and_add(&peer->tx_bytes, size);
    __sync_fetch_and_add(&peer->tx_datagrams, datagrams);
  } else {
    __sync_fetch_and_add(&peer->rx_bytes, size);
    __sync_fetch_and_add(&peer->rx_datagrams, datagrams);
  }
  return ALLOW;
}

SEC("?cgroup_skb/egress")
int cgroup_skb__egress__udp(struct __sk_buff *skb) { return on_packet(skb, true); }

SEC("?cgroup_skb/ingress")
int cgroup_skb__ingress__udp(struct __sk_buff *skb) { return on_packet(skb, false); }
