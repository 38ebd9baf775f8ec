/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who uses a socket. Functions that look at the current task may be called only where the process
 * that touches the socket is running: not from softirq. */
#ifndef SOCKSCOPE_BPF_OWNER_H
#define SOCKSCOPE_BPF_OWNER_H

#include "bpf/lib/state.h"

/* A socket that processes hand back and forth changes its owner at once this many times, and then
 * at most once a second, so that a shared socket costs no more than any other. */
#define OWNER_CHANGES_AT_ONCE 32
#define OWNER_CHANGE_INTERVAL_NS 1000000000ull

/* Kernels that have cookies (5.12) also allow this pointer to be followed (5.11). */
static __always_inline struct task_struct *current_leader(void) {
  if (FOLLOWS_POINTERS && config.has_cookies)
    return bpf_get_current_task_btf()->group_leader;
  struct task_struct *task = (struct task_struct *)bpf_get_current_task();
  return BPF_CORE_READ(task, group_leader);
}

static __always_inline __u64 start_of(struct task_struct *leader) {
  if (FOLLOWS_POINTERS && config.has_cookies)
    return leader->start_boottime;
  return BPF_CORE_READ(leader, start_boottime);
}

static __always_inline void set_process(struct socket_state *state, __u32 pid,
                                        struct task_struct *leader) {
  state->pid = pid;
  state->uid = (__u32)bpf_get_current_uid_gid();
  state->cgroup_id = bpf_get_current_cgroup_id();
  state->process_start_ns = start_of(leader);
  bpf_probe_read_kernel_str(state->comm, sizeof(state->comm), &leader->comm);
}

static __always_inline __u32 current_pid(void) { return (__u32)(bpf_get_current_pid_tgid() >> 32); }

/* A kernel thread is never an owner: it opens sockets for the kernel, and finishes work that
 * processes left behind, such as dropping the last reference to a socket. */
static __always_inline bool is_kernel_thread(struct task_struct *leader) {
  return (BPF_CORE_READ(leader, flags) & PF_KTHREAD) != 0;
}

/* Makes the running process, which opens this socket, its opener and owner. */
static __always_inline void set_opener(struct socket_state *state) {
  struct task_struct *leader = current_leader();
  if (is_kernel_thread(leader)) {
    state->owner = WIRE_OWNER_KERNEL;
    return;
  }
  __u32 pid = current_pid();
  set_process(state, pid, leader);
  state->opener_pid = pid;
  state->owner = WIRE_OWNER_EXACT;
}

/* Reading iter/task_file holds each file for a moment, and so may be the one that closes it instead
 * of its owner. The reader, be it this sockscope or another, does not use the socket. */
static __always_inline bool is_reading_files(void) {
  if (FOLLOWS_POINTERS && config.has_cookies)
    return bpf_get_current_task_btf()->timer_slack_ns == WIRE_PASS_TIMER_SLACK_NS;
  struct task_struct *task = (struct task_struct *)bpf_get_current_task();
  return BPF_CORE_READ(task, timer_slack_ns) == WIRE_PASS_TIMER_SLACK_NS;
}

/* When the kernel answered the SYN of a connection that TCP fast open gave to its server before the
 * end of the handshake. 0: not such a connection, or no longer known. */
static __always_inline __u64 fast_open_since(const struct sock *sk) {
  const struct request_sock *request = BPF_CORE_READ((const struct tcp_sock *)sk, fastopen_rsk);
  return request ? BPF_CORE_READ((const struct tcp_request_sock *)request, snt_synack) * 1000 : 0;
}

/* For a TCP socket that becomes another connection: nothing of that one was reported so far. */
static __always_inline void forget_reports(struct socket_state *state) {
  state->latency_us = 0;
  state->opened_in = state->is_shown = 0;
}

/* A new connection's state is a copy of its listener's until the connection is established or, with
 * TCP fast open, used before that. This turns the copy into its own. `since_ns`: 0: not known. */
static __always_inline void begin_inbound(struct socket_state *state, __u64 since_ns) {
  if (state->direction == WIRE_DIRECTION_INBOUND)
    return;
  state->direction = WIRE_DIRECTION_INBOUND;
  state->opener_pid = state->pid;
  state->owner = state->pid ? WIRE_OWNER_INHERITED : WIRE_OWNER_UNKNOWN;
  state->owner_changes = 0;
  state->owner_changed_ns = 0;
  state->held_pass = 0;
  state->since_ns = since_ns;
  forget_reports(state);
}

/* The running process uses this socket. Returns true when that changed what is known of the owner.
 * A process that was an inherited owner, or was found with the socket, is read anew: it may have
 * dropped its user or run another program since. */
static __always_inline bool note_use(struct socket_state *state) {
  __u32 pid = current_pid();
  struct task_struct *leader = current_leader();
  if (pid == state->pid) {
    state->cgroup_id = bpf_get_current_cgroup_id(); /* the process may have been moved since */
    /* For sockets older than sockscope, the owner found with the socket stays marked as found. */
    bool was_found = state->owner == WIRE_OWNER_BOOTSTRAP && state->since_ns;
    if (state->owner != WIRE_OWNER_INHERITED && !was_found)
      return false;
  } else {
    if (pid == 0 || is_kernel_thread(leader) || is_reading_files())
      return false;
    __u64 now = bpf_ktime_get_ns();
    if (state->owner_changes >= OWNER_CHANGES_AT_ONCE &&
        now - state->owner_changed_ns < OWNER_CHANGE_INTERVAL_NS)
      return false;
    if (state->owner_changes < OWNER_CHANGES_AT_ONCE)
      state->owner_changes++;
    state->owner_changed_ns = now;

    /* A process older than the connection accepted it itself (a worker of a preforking server). A
     * younger one was forked to serve it by the process that accepted it. */
    bool unconfirmed = state->owner == WIRE_OWNER_INHERITED || state->owner == WIRE_OWNER_UNKNOWN;
    if (unconfirmed && BPF_CORE_READ(leader, start_time) <= state->since_ns)
      state->opener_pid = pid;
    __sync_fetch_and_add(&owner_changes, 1);
  }
  set_process(state, pid, leader);
  state->owner = WIRE_OWNER_EXACT;
  return true;
}

#endif
