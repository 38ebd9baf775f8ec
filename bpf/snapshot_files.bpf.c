/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Finds sockets of other network namespaces by the files of the processes that have them open,
 * where iterators over maps are refused. All are read as plain memory, because a part of an MPTCP
 * socket is a plain pointer here; the file's own socket is one that the verifier knows, and has
 * storage. */
#include "bpf/lib/context_files.h"

#include "bpf/lib/pass.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("?sockscope/iter/task_file")
int iter__task_file_foreign(struct bpf_iter__task_file *ctx) {
  struct task_struct *task = ctx->task;
  struct sock *sk = sock_of(ctx->file);
  if (task && sk)
    write_held(ctx->meta->seq, task, sk);
  return 0;
}
