/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The passes over sockets where all states, or only TCP's, are in the hash. */
#include "bpf/lib/context_kprobe.h"

#include "bpf/lib/pass.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("?sockscope/iter/bpf_map_elem")
int iter__bpf_map_elem(struct bpf_iter__bpf_map_elem *ctx) {
  __u64 *address = ctx->key;
  struct socket_state *state = ctx->value;
  if (!address || !state || !state->identity) /* no identity: not established yet */
    return 0;
  if (state->netns != config.home_netns)
    write_foreign(ctx->meta->seq, (struct sock *)*address, state, state->identity);
  return 0;
}

SEC("?sockscope/iter/task_file")
int iter__task_file__inode(struct bpf_iter__task_file *ctx) {
  struct task_struct *task = ctx->task;
  struct sock *sk = sock_by_inode(ctx->file);
  if (task && sk)
    note_holder(task, sk);
  return 0;
}

SEC("?sockscope/iter/task_file")
int iter__task_file_foreign__inode(struct bpf_iter__task_file *ctx) {
  struct task_struct *task = ctx->task;
  struct sock *sk = sock_by_inode(ctx->file);
  if (task && sk)
    write_held(ctx->meta->seq, task, sk);
  return 0;
}
