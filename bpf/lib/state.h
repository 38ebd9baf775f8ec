/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Finding and making a socket's state, in its storage or in the hash. `socket` is what the type
 * of program offers: struct sock, bpf_sock or a plain address. `protocol`: IPPROTO_TCP or
 * IPPROTO_UDP. */
#ifndef SOCKSCOPE_BPF_STATE_H
#define SOCKSCOPE_BPF_STATE_H

#include "bpf/lib/access.h"
#include "bpf/lib/maps.h"

static __always_inline void count_lost_storage(void) {
  struct wire_control *shared = get_control();
  if (shared)
    __sync_fetch_and_add(&shared->lost_storage, 1);
}

/* A pointer as a number. */
static __always_inline __u64 address_of(const void *socket) {
  __u64 address = 0;
  bpf_probe_read_kernel(&address, sizeof(address), &socket);
  return address;
}

/* Verifiers that are older than the cookie helper refuse pointers in a map key. */
static __always_inline __u64 key_of(const void *socket) {
  if (HAS_STORAGE && config.has_cookies)
    return (__u64)socket;
  return address_of(socket);
}

static __always_inline bool is_state_in_hash(__u16 protocol) {
  return !HAS_STORAGE || config.states_in == WIRE_STATES_IN_HASH ||
         (config.states_in == WIRE_STATES_BY_PROTOCOL && protocol == IPPROTO_TCP);
}

/* Some program in use cannot get cookies, so the state holds what the flow is known by. */
static __always_inline bool is_identity_in_state(void) {
  return !HAS_STORAGE || config.states_in == WIRE_STATES_IN_HASH;
}

/* `key`: a socket's address. */
static __always_inline struct socket_state *find_in_hash(__u64 key) {
  return bpf_map_lookup_elem(&states, &key);
}

static __always_inline struct socket_state *find_state(const void *socket, __u16 protocol) {
  if (!is_state_in_hash(protocol))
    return bpf_sk_storage_get(&sockets, (void *)socket, 0, 0);
  return find_in_hash(key_of(socket));
}

/* A hash is not told when a socket ends: its entry must be removed. */
static __always_inline void drop_state(const void *socket, __u16 protocol) {
  if (!is_state_in_hash(protocol))
    return;
  __u64 key = key_of(socket);
  bpf_map_delete_elem(&states, &key);
}

static __always_inline __u64 known_cookie(const void *socket) {
  return (__u64)BPF_CORE_READ((const struct sock_common *)socket, skc_cookie.counter);
}

/* The kernel numbers a socket when it is first asked for its cookie. Where nobody asked, and this
 * program cannot, the socket gets a number of our own. */
static __always_inline __u64 number_of(const void *socket, __u64 cookie) {
  if (!cookie)
    cookie = known_cookie(socket);
  if (!cookie)
    cookie = 1ull << 63 | ((bpf_ktime_get_ns() << 16 ^ address_of(socket)) & ~(1ull << 63));
  return cookie;
}

/* The hash entry at a socket's address may belong to an earlier socket, whose end was missed or has
 * only just happened. `cookie`: that of the socket that is there now. */
static __always_inline bool is_of_another(const struct socket_state *state, __u64 cookie) {
  return cookie && state->identity && state->identity != cookie && !(state->identity >> 63);
}

/* find_state() for a socket whose members can be read; ignores the state of an earlier socket. */
#define FIND_OWN_STATE(sk, protocol)                                                            \
  ({                                                                                            \
    struct socket_state *found_ = find_state((void *)(sk), protocol);                           \
    const struct sock *own_ = (const struct sock *)(sk);                                        \
    if (found_ && is_state_in_hash(protocol) &&                                                 \
        is_of_another(found_, (__u64)READ(own_, __sk_common.skc_cookie.counter)                 \
                                  ?: COOKIE((void *)(sk))))                                     \
      found_ = NULL;                                                                            \
    found_;                                                                                     \
  })

/* Replaces what the hash may still have of an earlier socket at this address. */
static __always_inline void put_state(const void *socket, const struct socket_state *state) {
  __u64 key = key_of(socket);
  if (bpf_map_update_elem(&states, &key, state, 0))
    count_lost_storage();
}

/* `fresh`: zeroed room for the new state, because a program's stack has little. */
static __always_inline struct socket_state *make_in_hash(const void *socket, __u64 cookie,
                                                         struct socket_state *fresh) {
  fresh->identity = number_of(socket, cookie);
  put_state(socket, fresh);
  return find_in_hash(key_of(socket));
}

/* When two programs create it at once, the loser gets NULL and takes the winner's. */
static __always_inline struct socket_state *make_in_storage(void *socket) {
  struct socket_state *state = NULL;
  if (HAS_STORAGE) {
    state = bpf_sk_storage_get(&sockets, socket, 0, BPF_SK_STORAGE_GET_F_CREATE);
    if (!state)
      state = bpf_sk_storage_get(&sockets, socket, 0, 0);
  }
  if (!state)
    count_lost_storage();
  return state;
}

/* Another processor may have made the state since it was looked for, for example when a pass over
 * open files meets a socket that its process is just connecting. That state is used, because it
 * knows more. */
static __always_inline struct socket_state *make_state(const void *socket, __u16 protocol,
                                                       __u64 cookie) {
  if (!is_state_in_hash(protocol))
    return make_in_storage((void *)socket);
  struct socket_state fresh = {.identity = number_of(socket, cookie)};
  __u64 key = key_of(socket);
  if (bpf_map_update_elem(&states, &key, &fresh, BPF_NOEXIST)) {
    struct socket_state *other = find_in_hash(key);
    if (other && !is_of_another(other, fresh.identity))
      return other;
    put_state(socket, &fresh);
  }
  return find_in_hash(key);
}

#define MAKE_STATE(socket, protocol) \
  make_state(socket, protocol, is_state_in_hash(protocol) ? COOKIE(socket) : 0)

#define GET_OR_MAKE_STATE(socket, protocol)                              \
  ({                                                                     \
    struct socket_state *state_ = NULL;                                  \
    if (is_state_in_hash(protocol))                                      \
      state_ = FIND_OWN_STATE(socket, protocol);                         \
    if (!state_)                                                         \
      state_ = MAKE_STATE(socket, protocol);                             \
    state_;                                                              \
  })

/* What the flow is known by: the number in its state, or else its cookie, which the kernel
 * makes. */
#define IDENTITY(socket, state)                                                   \
  ((state) && (state)->identity                                                   \
       ? (state)->identity                                                        \
       : (COOKIE(socket) ?: (is_identity_in_state() ? known_cookie(socket) : 0)))

/* Called once for each new socket_state. */
static __always_inline void note_netns(struct socket_state *state, __u32 netns) {
  state->netns = netns;
  if (netns != config.home_netns) {
    struct wire_control *shared = get_control();
    if (shared && !shared->foreign_netns)
      shared->foreign_netns = 1;
  }
}

#endif
