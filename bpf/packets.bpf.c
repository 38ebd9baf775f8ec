/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Every packet that a socket of this host sends or receives. One pair of programs does everything
 * that looks at packets, because the cost is in having a program at all: UDP's bytes
 * (config.udp_in_packets), what unconnected UDP sockets exchange with each remote end
 * (config.udp_peers), and copies of packets from or to port 53 (config.dns). Of TCP only the ports
 * are read, and only for DNS. */
#include "bpf/lib/context_cgroup.h"

#include "bpf/lib/emit.h"
#include "bpf/lib/packet.h"
#include "bpf/lib/state.h"
#include "bpf/lib/udp_drops.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define ALLOW 1

#define QUIC_LONG_HEADER 0x80
#define QUIC_LEAST 1200       /* least size of a datagram with a client's Initial */
#define QUIC_TRIES 4          /* how many of a socket's datagrams are reported */

/* ---- DNS */

static __always_inline void fill_socket(struct __sk_buff *skb, struct bpf_sock *socket,
                                        struct wire_flow *record) {
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

static __always_inline void put_address(__u8 family, __u32 ipv4, __u32 first, __u32 second, __u32 third,
                                        __u32 fourth, __u8 *to) {
  /* Keeps the compiler from merging two loads into one, for which it would do arithmetic on the
   * socket's pointer; the verifier refuses that. */
  asm volatile("" : "+r"(ipv4));
  __u32 parts[4] = {ipv4};
  if (family == AF_INET6) {
    parts[0] = first;
    parts[1] = second;
    parts[2] = third;
    parts[3] = fourth;
  }
  __builtin_memcpy(to, parts, sizeof(parts));
}

/* A message to or from a name server. Where netfilter translates addresses, a sent packet may
 * already have other ends than its socket gave it. Where the socket knows the original ones, the
 * ports are put back into `packet` and the address into `server`. */
static __always_inline bool is_dns(struct __sk_buff *skb, struct bpf_sock *socket, bool sent,
                                   struct packet *packet, struct asked_server *server,
                                   bool *knows_server) {
  bool is_plain = packet->source == WIRE_DNS_PORT || packet->destination == WIRE_DNS_PORT;
  if (!sent || !socket || socket->protocol != packet->protocol)
    return is_plain;
  if (socket->dst_port == bpf_htons(WIRE_DNS_PORT)) {
    put_address(packet->family, socket->dst_ip4, socket->dst_ip6[0], socket->dst_ip6[1],
                socket->dst_ip6[2], socket->dst_ip6[3], server->address);
    *knows_server = true;
  } else if (config.asked_servers && !socket->dst_port && packet->source != WIRE_DNS_PORT) {
    __u64 cookie = bpf_get_socket_cookie(skb);
    const struct asked_server *asked = bpf_map_lookup_elem(&asked_servers, &cookie);
    __u8 head[6]; /* number, flags, questions */
    /* The same socket may also speak to others. A query has one question, and no flag of an
     * answer. */
    *knows_server = asked && !bpf_skb_load_bytes(skb, packet->payload_at, head, sizeof(head)) &&
                    !(head[2] & 0xf8) && head[4] == 0 && head[5] == 1;
    if (*knows_server)
      *server = *asked;
  }
  if (*knows_server)
    packet->destination = WIRE_DNS_PORT;
  if (*knows_server || socket->src_port == WIRE_DNS_PORT)
    packet->source = (__u16)socket->src_port;
  return is_plain || *knows_server || socket->src_port == WIRE_DNS_PORT;
}

/* `server`: the server it was sent to, where the socket knows it. `room`: how many bytes the record
 * has for the message, a power of two. */
static __always_inline void tell_dns(struct __sk_buff *skb, struct bpf_sock *socket,
                                     const struct packet *packet, const struct asked_server *server,
                                     __u32 room, __u32 payload_size, bool sent) {
  struct wire_dns *record = reserve(WIRE_DNS, sizeof(*record) + room);
  if (!record)
    return;
  __u32 captured = payload_size < room ? payload_size : room;
  /* Limits `captured` to 1 … `room` in a way that every verifier understands and the compiler
   * cannot remove. */
  captured -= 1;
  if (room == WIRE_DNS_LITTLE)
    asm volatile("%0 &= 511" : "+r"(captured));
  else
    asm volatile("%0 &= 4095" : "+r"(captured));
  captured += 1;
  fill_socket(skb, socket, &record->flow);
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
  if (server) {
    __builtin_memcpy(record->flow.remote_addr, server->address, sizeof(server->address));
    if (socket && socket->dst_port) /* connected: its own address is fixed, too */
      put_address(packet->family, socket->src_ip4, socket->src_ip6[0], socket->src_ip6[1],
                  socket->src_ip6[2], socket->src_ip6[3], record->flow.local_addr);
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

/* ---- UDP's remote ends */

static __always_inline void set_remote(struct __sk_buff *skb, const struct packet *packet, bool sent,
                                       struct wire_udp_peer_key *key) {
  key->family = packet->family;
  key->remote_port = bpf_htons(sent ? packet->destination : packet->source);
  if (packet->family == AF_INET) {
    bpf_skb_load_bytes(skb, IPV4_ADDRESSES + (sent ? 4 : 0), key->remote_addr, 4);
    return;
  }
  bpf_skb_load_bytes(skb, IPV6_ADDRESSES + (sent ? 16 : 0), key->remote_addr, 16);
  if ((key->remote_addr[0] == 0xfe && key->remote_addr[1] >> 6 == 2) || /* fe80::/10, ff02::/16 */
      (key->remote_addr[0] == 0xff && (key->remote_addr[1] & 15) == 2))
    key->interface = skb->ifindex;
}

/* Only what the socket itself sends shows which protocol it speaks: anybody may send it
 * anything. */
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

/* Called for the first datagram to or from this remote end. NULL: the socket is closed. */
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

static __always_inline void count_peer(struct __sk_buff *skb, struct bpf_sock *socket,
                                       const struct packet *packet, __u32 size, __u32 datagrams,
                                       bool sent) {
  struct wire_udp_peer_key key = {};
  set_remote(skb, packet, sent, &key);
  key.cookie = bpf_get_socket_cookie(skb);
  if (is_identity_in_state()) {
    struct socket_state *state = find_state(socket, IPPROTO_UDP);
    if (state)
      key.cookie = state->identity;
  }
  if (sent)
    tell_quic(skb, socket, key.cookie, packet->payload_at, skb->gso_size ? skb->gso_size : size);
  if (socket->dst_port)
    return;
  struct wire_udp_peer *peer = bpf_map_lookup_elem(&udp_peers, &key);
  if (!peer)
    peer = make_peer(&key, socket);
  if (!peer)
    return;
  if (sent) {
    __sync_fetch_and_add(&peer->tx_bytes, size);
    __sync_fetch_and_add(&peer->tx_datagrams, datagrams);
  } else {
    __sync_fetch_and_add(&peer->rx_bytes, size);
    __sync_fetch_and_add(&peer->rx_datagrams, datagrams);
  }
}

/* ---- UDP's bytes */

/* The socket is older than sockscope and was not found at the start. */
static __always_inline struct socket_state *make_udp_state(struct __sk_buff *skb,
                                                           struct bpf_sock *socket) {
  /* Older verifiers allow no arithmetic on the socket's pointer. */
  struct sock *plain = (struct sock *)address_of(socket);
  struct socket_state fresh = {};
  struct socket_state *state =
      is_state_in_hash(IPPROTO_UDP) ? make_in_hash(plain, bpf_get_socket_cookie(skb), &fresh)
                                    : make_in_storage(socket);
  if (state)
    note_netns(state, read_netns(&plain->__sk_common));
  return state;
}

static __always_inline void count_udp(struct __sk_buff *skb, struct bpf_sock *socket, __u32 size,
                                      __u32 datagrams, bool sent) {
  struct socket_state *state = find_state(socket, IPPROTO_UDP);
  if (!state)
    state = make_udp_state(skb, socket);
  if (!state)
    return;
  if (sent) {
    __sync_fetch_and_add(&state->tx_bytes, (__u64)size);
    __sync_fetch_and_add(&state->tx_datagrams, (__u64)datagrams);
    return;
  }
  take_off_drops(state, read_drops((const struct sock *)address_of(socket)));
  state->last_size = size;
  state->last_datagrams = datagrams;
  __sync_fetch_and_add(&state->rx_bytes, (__u64)size);
  __sync_fetch_and_add(&state->rx_datagrams, (__u64)datagrams);
}

static __always_inline int on_packet(struct __sk_buff *skb, bool sent) {
  struct packet packet;
  if (!read_packet(skb, &packet) || skb->len < packet.payload_at)
    return ALLOW;
  __u32 size = skb->len - packet.payload_at;
  struct bpf_sock *socket = skb->sk;
  if (socket)
    socket = bpf_sk_fullsock(socket);
  /* A raw socket can send UDP too; that is not counted. */
  if (packet.protocol == IPPROTO_UDP && socket && socket->protocol == IPPROTO_UDP) {
    __u32 datagrams = 1;
    __u32 segment = skb->gso_size;
    if (segment && size > segment)
      datagrams = (size + segment - 1) / segment;
    if (config.udp_in_packets & (sent ? WIRE_UDP_SENT : WIRE_UDP_RECEIVED))
      count_udp(skb, socket, size, datagrams, sent);
    if (config.udp_peers)
      count_peer(skb, socket, &packet, size, datagrams, sent);
  }
  struct asked_server server = {};
  bool knows_server = false;
  if (config.dns && size != 0 && is_dns(skb, socket, sent, &packet, &server, &knows_server)) {
    const struct asked_server *asked = knows_server ? &server : NULL;
    if (size <= WIRE_DNS_LITTLE)
      tell_dns(skb, socket, &packet, asked, WIRE_DNS_LITTLE, size, sent);
    else
      tell_dns(skb, socket, &packet, asked, WIRE_DNS_MOST, size, sent);
  }
  return ALLOW;
}

SEC("?cgroup_skb/egress")
int cgroup_skb__egress(struct __sk_buff *skb) { return on_packet(skb, true); }

SEC("?cgroup_skb/ingress")
int cgroup_skb__ingress(struct __sk_buff *skb) { return on_packet(skb, false); }
