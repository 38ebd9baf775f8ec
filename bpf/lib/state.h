/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Finding and making a socket's state, in its storage or in the hash. `socket` is what the program
 * type offers: struct sock, bpf_sock or a plain address.
 *
 * A program that includes this says what it can do:
 *   STORAGE_IS_OUT_OF_REACH  it cannot call bpf_sk_storage_get
 *   COOKIE(socket)           the kernel's cookie, made if need be; 0 where no helper is to be had */
#ifndef SOCKSCOPE_BPF_STATE_H
#define SOCKSCOPE_BPF_STATE_H

#include "bpf/lib/access.h"
#include "bpf/lib/maps.h"

static __always_inline void count_lost_storage(void) {
  struct wire_control *shared = get_control();
  if (shared)
    __sync_fetch_and_add(&shared->lost_storage, 1);
}

/* A pointer as the number it is: older verifiers refuse pointers in a key. */
static __always_inline __u64 address_of(const void *socket) {
  __u64 address = 0;
  bpf_probe_read_kernel(&address, sizeof(address), &socket);
  return address;
}

static __always_inline bool is_state_in_hash(void) {
#ifdef STORAGE_IS_OUT_OF_REACH
  return true;
#else
  return config.state_in_hash;
#endif
}

static __always_inline struct socket_state *find_state(const void *socket) {
#ifndef STORAGE_IS_OUT_OF_REACH
  if (!config.state_in_hash)
    return bpf_sk_storage_get(&sockets, (void *)socket, 0, 0);
#endif
  __u64 address = address_of(socket);
  return bpf_map_lookup_elem(&states, &address);
}

/* A hash knows nothing of a socket's end but what we tell it. */
static __always_inline void drop_state(const void *socket) {
  if (!is_state_in_hash())
    return;
  __u64 address = address_of(socket);
  bpf_map_delete_elem(&states, &address);
}

static __always_inline __u64 known_cookie(const void *socket) {
  return (__u64)BPF_CORE_READ((const struct sock_common *)socket, skc_cookie.counter);
}

/* Replaces what the hash may still have of a socket that was at this address before. */
static __always_inline struct socket_state *make_state_in_hash(const void *socket, __u64 cookie) {
  __u64 address = address_of(socket);
  struct socket_state fresh = {};
  fresh.identity = cookie ? cookie : known_cookie(socket);
  if (!fresh.identity) /* the kernel numbers a socket when it is first asked; nobody did */
    fresh.identity = 1ull << 63 | ((bpf_ktime_get_ns() << 16 ^ address) & ~(1ull << 63));
  bpf_map_update_elem(&states, &address, &fresh, 0);
  struct socket_state *state = bpf_map_lookup_elem(&states, &address);
  if (!state)
    count_lost_storage();
  return state;
}

/* A creation race leaves its loser with NULL: the winner's is taken then. */
static __always_inline struct socket_state *make_state(const void *socket, __u64 cookie) {
#ifndef STORAGE_IS_OUT_OF_REACH
  if (!config.state_in_hash) {
    struct socket_state *state =
        bpf_sk_storage_get(&sockets, (void *)socket, 0, BPF_SK_STORAGE_GET_F_CREATE);
    if (!state)
      state = bpf_sk_storage_get(&sockets, (void *)socket, 0, 0);
    if (!state)
      count_lost_storage();
    return state;
  }
#endif
  return make_state_in_hash(socket, cookie);
}

#define MAKE_STATE(socket) make_state(socket, is_state_in_hash() ? COOKIE(socket) : 0)

#define GET_OR_MAKE_STATE(socket)                                        \
  ({                                                                     \
    struct socket_state *state_ = NULL;                                  \
    if (is_state_in_hash())                                              \
      state_ = find_state(socket);                                       \
    if (!state_)                                                         \
      state_ = MAKE_STATE(socket);                                       \
    state_;                                                              \
  })

/* What a flow is known by. */
#define IDENTITY(socket, state)                                                              \
  (is_state_in_hash() ? ((state) ? (state)->identity : (COOKIE(socket) ?: known_cookie(socket))) \
                      : COOKIE(socket))

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
