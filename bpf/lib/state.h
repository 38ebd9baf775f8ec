/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Finding and making a socket's state, in its storage or in the hash. `socket` is what the program
 * type offers: struct sock, bpf_sock or a plain address; `protocol` IPPROTO_TCP or IPPROTO_UDP. */
#ifndef SOCKSCOPE_BPF_STATE_H
#define SOCKSCOPE_BPF_STATE_H

#include "bpf/lib/access.h"
#include "bpf/lib/maps.h"

static __always_inline void count_lost_storage(void) {
  struct wire_control *shared = get_control();
  if (shared)
    __sync_fetch_and_add(&shared->lost_storage, 1);
}

/* A pointer as the number it is. */
static __always_inline __u64 address_of(const void *socket) {
  __u64 address = 0;
  bpf_probe_read_kernel(&address, sizeof(address), &socket);
  return address;
}

/* Verifiers older than the helper for cookies refuse pointers in a key. */
static __always_inline __u64 key_of(const void *socket) {
  if (HAS_STORAGE && config.has_cookies)
    return (__u64)socket;
  return address_of(socket);
}

static __always_inline bool is_state_in_hash(__u16 protocol) {
  return !HAS_STORAGE || config.states_in == WIRE_STATES_IN_HASH ||
         (config.states_in == WIRE_STATES_BY_PROTOCOL && protocol == IPPROTO_TCP);
}

/* Some program in use cannot make cookies: what a flow is known by is in its state. */
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

/* A hash knows nothing of a socket's end but what we tell it. */
static __always_inline void drop_state(const void *socket, __u16 protocol) {
  if (!is_state_in_hash(protocol))
    return;
  __u64 key = key_of(socket);
  bpf_map_delete_elem(&states, &key);
}

static __always_inline __u64 known_cookie(const void *socket) {
  return (__u64)BPF_CORE_READ((const struct sock_common *)socket, skc_cookie.counter);
}

/* The kernel numbers a socket when it is first asked. When nobody did, and we cannot, it gets a number
 * of ours. */
static __always_inline __u64 number_of(const void *socket, __u64 cookie) {
  if (!cookie)
    cookie = known_cookie(socket);
  if (!cookie)
    cookie = 1ull << 63 | ((bpf_ktime_get_ns() << 16 ^ address_of(socket)) & ~(1ull << 63));
  return cookie;
}

/* What the hash has at a socket's address may be of one that was there before, where its end was not
 * seen, or of one that just ended. `cookie`: of the socket that is there now. */
static __always_inline bool is_of_another(const struct socket_state *state, __u64 cookie) {
  return cookie && state->identity && state->identity != cookie && !(state->identity >> 63);
}

/* find_state() of a socket that can be read, without what is of another. */
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

/* Replaces what the hash may still have of a socket that was at this address before. */
static __always_inline void put_state(const void *socket, const struct socket_state *state) {
  __u64 key = key_of(socket);
  if (bpf_map_update_elem(&states, &key, state, 0))
    count_lost_storage();
}

/* `fresh`: what goes there, zeroed; a program has little room for such. */
static __always_inline struct socket_state *make_in_hash(const void *socket, __u64 cookie,
                                                         struct socket_state *fresh) {
  fresh->identity = number_of(socket, cookie);
  put_state(socket, fresh);
  return find_in_hash(key_of(socket));
}

/* A creation race leaves its loser with NULL: the winner's is taken then. */
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

/* Another processor may have made it since it was looked for: a pass over open files meets a socket that
 * its process connects. Then that one is taken, which knows more. */
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

/* What a flow is known by: what its state remembers, or the cookie, which the kernel is asked for. */
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
