/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Processes: made, executing, renamed, changing users, sessions and tracers, dumping core, ended;
 * and the list of those that exist. Threads are not reported: what holds for a process is what
 * holds for its leader. */
#include "bpf/lib/context_kprobe.h"

#include "bpf/lib/emit.h"
#include "bpf/lib/owner.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

enum { SIGQUIT = 3, SIGILL = 4, SIGTRAP = 5, SIGABRT = 6, SIGBUS = 7, SIGFPE = 8, SIGSEGV = 11,
       SIGXCPU = 24, SIGXFSZ = 25, SIGSYS = 31 };
enum { PROC_EVENT_UID = 4, PROC_EVENT_GID = 0x40 };
enum { PTRACE_ATTACH = 16 };
enum { PATH_STEPS = 40 };
#define SIGNALS_THAT_DUMP                                                                  \
  ((1u << SIGQUIT) | (1u << SIGILL) | (1u << SIGTRAP) | (1u << SIGABRT) | (1u << SIGBUS) | \
   (1u << SIGFPE) | (1u << SIGSEGV) | (1u << SIGXCPU) | (1u << SIGXFSZ) | (1u << SIGSYS))

/* The process's number in its innermost pid namespace; 0 when it has only the host's. */
static __always_inline __u32 inner_number(const struct pid *pid) {
  __u32 level = BPF_CORE_READ(pid, level);
  if (level == 0 || level > 32)
    return 0;
  const char *numbers = (const char *)pid + bpf_core_field_offset(pid->numbers);
  __u32 number = 0;
  bpf_probe_read_kernel(&number, sizeof(number),
                        numbers + level * bpf_core_type_size(struct upid) +
                            bpf_core_field_offset(struct upid, nr));
  return number;
}

static __always_inline __u32 host_number(const struct pid *pid) {
  const char *numbers = (const char *)pid + bpf_core_field_offset(pid->numbers);
  __u32 number = 0;
  bpf_probe_read_kernel(&number, sizeof(number),
                        numbers + bpf_core_field_offset(struct upid, nr));
  return number;
}

/* `leader`: the leader of the process's threads. */
static __always_inline void fill_process(struct wire_process *record, __u16 type, __u16 size,
                                         const struct task_struct *leader) {
  const struct cred *cred = BPF_CORE_READ(leader, cred);
  const struct task_struct *parent = BPF_CORE_READ(leader, real_parent);
  record->header.type = type;
  record->header.size = size;
  record->header.netns = BPF_CORE_READ(leader, nsproxy, net_ns, ns.inum);
  record->header.mono_ns = bpf_ktime_get_ns();
  record->start_ns = BPF_CORE_READ(leader, start_boottime);
  record->cgroup_id = BPF_CORE_READ(leader, cgroups, dfl_cgrp, kn, id);
  record->pid = (__u32)BPF_CORE_READ(leader, tgid);
  record->tid = record->pid;
  record->parent_pid = (__u32)BPF_CORE_READ(parent, tgid);
  record->parent_tid = (__u32)BPF_CORE_READ(parent, pid);
  record->session = host_number(BPF_CORE_READ(leader, signal, pids[PIDTYPE_SID]));
  record->inner_pid = inner_number(BPF_CORE_READ(leader, thread_pid));
  record->uid = BPF_CORE_READ(cred, euid.val);
  record->gid = BPF_CORE_READ(cred, egid.val);
  record->exit_status = 0;
  record->exit_signal = (__u32)BPF_CORE_READ(leader, exit_signal);
  record->cpu = bpf_get_smp_processor_id();
  record->pad0 = 0;
  bpf_probe_read_kernel_str(record->comm, sizeof(record->comm), &leader->comm);
}

static __always_inline void emit_process(__u16 type, const struct task_struct *leader) {
  struct wire_process *record = reserve(type, sizeof(*record));
  if (!record)
    return;
  fill_process(record, type, sizeof(*record), leader);
  submit(record);
}

static __always_inline bool is_leader(const struct task_struct *task) {
  return BPF_CORE_READ(task, pid) == BPF_CORE_READ(task, tgid);
}

SEC("?sockscope/tp_btf/sched_process_fork")
int BPF_PROG(tp_btf__sched_process_fork, struct task_struct *parent, struct task_struct *child) {
  if (is_leader(child))
    emit_process(WIRE_FORK, child);
  return 0;
}

/* Path of the executable as /proc/PID/exe has it, up to the root of the mount namespace. A file
 * that was never in a folder (memfd_create) is its own root, but not the root of its mount. */
static __always_inline void fill_path(struct wire_exec *record, const struct file *file) {
  const struct dentry *entry = BPF_CORE_READ(file, f_path.dentry);
  const struct mount *mount = NULL;
  mount = (const void *)((const char *)BPF_CORE_READ(file, f_path.mnt) -
                         bpf_core_field_offset(mount->mnt));
  /* Kept in memory (volatile), where the verifier does not track its value: otherwise it would try
   * every possible length. */
  volatile __u16 *size = &record->path_size;
  *size = 0;
  record->path_whole = 0;
  if (BPF_CORE_READ(entry, d_parent) == entry)
    record->path_deleted = BPF_CORE_READ(mount, mnt.mnt_root) != entry;
  else
    record->path_deleted = BPF_CORE_READ(entry, d_hash.pprev) == NULL;
  for (int step = 0; step < PATH_STEPS; ++step) {
    const struct dentry *folder = BPF_CORE_READ(entry, d_parent);
    if (entry == BPF_CORE_READ(mount, mnt.mnt_root)) {
      const struct mount *below = BPF_CORE_READ(mount, mnt_parent);
      if (below == mount) {
        record->path_whole = 1;
        break;
      }
      entry = BPF_CORE_READ(mount, mnt_mountpoint);
      mount = below;
      continue;
    }
    __u64 at = *size;
    if (at >= WIRE_PATH / 2)
      break;
    asm volatile("" : "+r"(at)); /* keeps the mask, for verifiers that forget the comparison */
    long got = bpf_probe_read_kernel_str(record->path + (at & (WIRE_PATH / 2 - 1)), WIRE_PATH / 2,
                                         BPF_CORE_READ(entry, d_name.name));
    if (got <= 1)
      break;
    *size += (__u16)got;
    if (folder == entry) {
      record->path_whole = 1;
      break;
    }
    entry = folder;
  }
}

SEC("?sockscope/tp_btf/sched_process_exec")
int BPF_PROG(tp_btf__sched_process_exec, struct task_struct *task, int old_pid,
             struct linux_binprm *binprm) {
  struct wire_exec *record = reserve(WIRE_EXEC, sizeof(*record));
  if (!record)
    return 0;
  fill_process(&record->process, WIRE_EXEC, sizeof(*record), task);
  __builtin_memset(record->filename, 0, sizeof(record->filename));
  __builtin_memset(record->arguments, 0, sizeof(record->arguments));
  bpf_probe_read_kernel_str(record->filename, sizeof(record->filename),
                            BPF_CORE_READ(binprm, filename));
  unsigned long start = BPF_CORE_READ(task, mm, arg_start);
  unsigned long end = BPF_CORE_READ(task, mm, arg_end);
  __u64 size = end > start ? end - start : 0;
  record->arguments_size = size > 0xffffffffu ? 0xffffffffu : (__u32)size;
  if (size > WIRE_ARGUMENTS - 1)
    size = WIRE_ARGUMENTS - 1;
  /* The kernel wrote this page a moment ago, so it is in memory and can be read here. */
  asm volatile("" : "+r"(size));
  size &= WIRE_ARGUMENTS - 1;
  if (bpf_probe_read_user(record->arguments, (__u32)size, (const void *)start) != 0)
    record->arguments_size = 0;
  fill_path(record, BPF_CORE_READ(task, mm, exe_file));
  submit(record);
  return 0;
}

/* Called for each thread; the process ends with its last one. */
SEC("?sockscope/tp_btf/sched_process_exit")
int BPF_PROG(tp_btf__sched_process_exit, struct task_struct *task) {
  const struct signal_struct *signal = BPF_CORE_READ(task, signal);
  if (BPF_CORE_READ(signal, live.counter) != 0)
    return 0;
  struct wire_process *record = reserve(WIRE_EXIT, sizeof(*record));
  if (!record)
    return 0;
  const struct task_struct *leader = BPF_CORE_READ(task, group_leader);
  fill_process(record, WIRE_EXIT, sizeof(*record), leader);
  /* If the leader ended before the last thread, its namespaces are gone: this thread's are read. */
  record->header.netns = BPF_CORE_READ(task, nsproxy, net_ns, ns.inum);
  if (BPF_CORE_READ(signal, flags) & SIGNAL_GROUP_EXIT)
    record->exit_status = (__u32)BPF_CORE_READ(signal, group_exit_code);
  else
    record->exit_status = (__u32)BPF_CORE_READ(leader, exit_code);
  submit(record);
  return 0;
}

/* Runs before the name changes. exec has its own record. */
SEC("?sockscope/tp_btf/task_rename")
int BPF_PROG(tp_btf__task_rename, struct task_struct *task, const char *name) {
  if (!is_leader(task) || (BPF_CORE_READ(task, flags) & PF_KTHREAD))
    return 0;
  if (bpf_core_field_exists(task->in_execve) && BPF_CORE_READ_BITFIELD_PROBED(task, in_execve))
    return 0;
  struct wire_process *record = reserve(WIRE_COMM, sizeof(*record));
  if (!record)
    return 0;
  fill_process(record, WIRE_COMM, sizeof(*record), task);
  __builtin_memset(record->comm, 0, sizeof(record->comm));
  bpf_probe_read_kernel_str(record->comm, sizeof(record->comm), name);
  submit(record);
  return 0;
}

/* Runs in the process that gets the signal. */
SEC("?sockscope/tp_btf/signal_deliver")
int BPF_PROG(tp_btf__signal_deliver, int signal, void *info, struct k_sigaction *action) {
  if (signal <= 0 || signal > 31 || !((1u << signal) & SIGNALS_THAT_DUMP))
    return 0;
  if (BPF_CORE_READ(action, sa.sa_handler) != NULL) /* SIG_DFL */
    return 0;
  struct task_struct *task = (struct task_struct *)bpf_get_current_task();
  emit_process(WIRE_COREDUMP, BPF_CORE_READ(task, group_leader));
  return 0;
}

/* The functions by which the kernel tells its process events connector, whether or not anybody
 * listens to that. One body for two kinds of hooks. */
static __always_inline int on_change(__u16 type, const struct task_struct *task, __u32 value,
                                     __u32 extra) {
  if (!is_leader(task))
    return 0;
  struct wire_process_change *record = reserve(type, sizeof(*record));
  if (!record)
    return 0;
  fill_process(&record->process, type, sizeof(*record), task);
  record->value = value;
  record->extra = extra;
  submit(record);
  return 0;
}

static __always_inline int on_identity(const struct task_struct *task, int which) {
  const struct cred *cred = BPF_CORE_READ(task, real_cred);
  if (which == PROC_EVENT_UID)
    return on_change(WIRE_UID, task, BPF_CORE_READ(cred, uid.val), BPF_CORE_READ(cred, euid.val));
  if (which == PROC_EVENT_GID)
    return on_change(WIRE_GID, task, BPF_CORE_READ(cred, gid.val), BPF_CORE_READ(cred, egid.val));
  return 0;
}

/* Runs in the tracer. */
static __always_inline int on_trace(const struct task_struct *task, int request) {
  __u64 tracer = request == PTRACE_ATTACH ? bpf_get_current_pid_tgid() : 0;
  return on_change(WIRE_PTRACE, task, (__u32)(tracer >> 32), (__u32)tracer);
}

SEC("?sockscope/fentry/proc_id_connector")
int BPF_PROG(fentry__proc_id_connector, struct task_struct *task, int which) {
  return on_identity(task, which);
}

SEC("?kprobe/proc_id_connector")
int BPF_KPROBE(kprobe__proc_id_connector, struct task_struct *task, int which) {
  return on_identity(task, which);
}

SEC("?sockscope/fentry/proc_sid_connector")
int BPF_PROG(fentry__proc_sid_connector, struct task_struct *task) {
  return on_change(WIRE_SID, task, 0, 0);
}

SEC("?kprobe/proc_sid_connector")
int BPF_KPROBE(kprobe__proc_sid_connector, struct task_struct *task) {
  return on_change(WIRE_SID, task, 0, 0);
}

SEC("?sockscope/fentry/proc_ptrace_connector")
int BPF_PROG(fentry__proc_ptrace_connector, struct task_struct *task, int request) {
  return on_trace(task, request);
}

SEC("?kprobe/proc_ptrace_connector")
int BPF_KPROBE(kprobe__proc_ptrace_connector, struct task_struct *task, int request) {
  return on_trace(task, request);
}

SEC("?sockscope/iter/task")
int iter__task(struct bpf_iter__task *ctx) {
  struct task_struct *task = ctx->task;
  if (!task || !is_leader(task) || BPF_CORE_READ(task, signal, live.counter) == 0)
    return 0;
  struct wire_process record;
  fill_process(&record, WIRE_PROCESS, sizeof(record), task);
  bpf_seq_write(ctx->meta->seq, &record, sizeof(record));
  return 0;
}

static __always_inline int write_holder(struct bpf_iter__task_file *ctx, struct sock *sk) {
  struct task_struct *task = ctx->task;
  if (!task || !sk || !transport_of(sk))
    return 0;
  struct task_struct *leader = task->group_leader;
  struct wire_holder record;
  record.header.type = WIRE_HOLDER;
  record.header.size = sizeof(record);
  record.header.netns = read_netns(&sk->__sk_common);
  record.header.mono_ns = bpf_ktime_get_ns();
  /* 0 while nobody has asked for the cookie; a pass over the sockets asks. */
  record.cookie = (__u64)BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
  record.start_ns = BPF_CORE_READ(leader, start_boottime);
  record.pid = (__u32)BPF_CORE_READ(task, tgid);
  record.fd = ctx->fd;
  bpf_probe_read_kernel_str(record.comm, sizeof(record.comm), &leader->comm);
  bpf_seq_write(ctx->meta->seq, &record, sizeof(record));
  return 0;
}

SEC("?sockscope/iter/task_file")
int iter__task_file_holders(struct bpf_iter__task_file *ctx) {
  return write_holder(ctx, sock_of(ctx->file));
}

SEC("?sockscope/iter/task_file")
int iter__task_file_holders__inode(struct bpf_iter__task_file *ctx) {
  return write_holder(ctx, sock_by_inode(ctx->file));
}
