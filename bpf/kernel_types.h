/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Exactly the kernel fields that the programs read. CO-RE finds them by name in the running
 * kernel's BTF, so the layout written here does not matter. */
#ifndef SOCKSCOPE_BPF_KERNEL_TYPES_H
#define SOCKSCOPE_BPF_KERNEL_TYPES_H

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;
typedef __u16 __sum16;
typedef __u32 __wsum;
typedef __u8 uint8_t;
typedef __u16 uint16_t;
typedef __u32 uint32_t;
typedef __u64 uint64_t;
typedef _Bool bool;
#define true 1
#define false 0
#define NULL ((void *)0)

enum {
  BPF_MAP_TYPE_HASH = 1,
  BPF_MAP_TYPE_ARRAY = 2,
  BPF_MAP_TYPE_PERCPU_ARRAY = 6,
  BPF_MAP_TYPE_LRU_HASH = 9,
  BPF_MAP_TYPE_SK_STORAGE = 24,
  BPF_MAP_TYPE_RINGBUF = 27,
  BPF_NOEXIST = 1,
  BPF_F_NO_PREALLOC = 1,
  BPF_F_CLONE = 512,
  BPF_F_MMAPABLE = 1024,
  BPF_SK_STORAGE_GET_F_CREATE = 1,
  BPF_RB_NO_WAKEUP = 1,
  BPF_RB_FORCE_WAKEUP = 2,
};

enum { AF_INET = 2, AF_INET6 = 10 };
enum { IPPROTO_TCP = 6, IPPROTO_UDP = 17, IPPROTO_MPTCP = 262 };
enum { IPPROTO_HOPOPTS = 0, IPPROTO_ROUTING = 43, IPPROTO_DSTOPTS = 60 };
enum { MSG_PEEK = 0x2, MSG_ERRQUEUE = 0x2000 };
enum { SHUTDOWN_MASK = 3 };
enum { BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB = 5 };
enum { EADDRNOTAVAIL_ = 99, ECANCELED_ = 125 };
enum {
  TCP_ESTABLISHED = 1,
  TCP_SYN_SENT = 2,
  TCP_SYN_RECV = 3,
  TCP_FIN_WAIT1 = 4,
  TCP_FIN_WAIT2 = 5,
  TCP_TIME_WAIT = 6,
  TCP_CLOSE = 7,
  TCP_CLOSE_WAIT = 8,
  TCP_LAST_ACK = 9,
  TCP_LISTEN = 10,
  TCP_CLOSING = 11,
  TCP_NEW_SYN_RECV = 12,
};
enum sk_rst_reason { SK_RST_REASON_NO_SOCKET };
enum { TCP_CA_CWR = 2 }; /* enum tcp_ca_state: from here on the window is reduced */
enum { SOCK_DONE_BIT = 1 }; /* enum sock_flags: a FIN was received */

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
  __s64 counter;
} atomic64_t;
typedef struct {
  int counter;
} atomic_t;

struct ns_common {
  unsigned int inum;
};
struct net {
  struct ns_common ns;
};
typedef struct {
  struct net *net;
} possible_net_t;

struct in6_addr {
  union {
    __u8 u6_addr8[16];
  } in6_u;
};

struct sock_common {
  unsigned char skc_ipv6only : 1;
  union {
    struct {
      __be32 skc_daddr;
      __be32 skc_rcv_saddr;
    };
  };
  union {
    struct {
      __be16 skc_dport;
      __u16 skc_num;
    };
  };
  unsigned short skc_family;
  volatile unsigned char skc_state;
  int skc_bound_dev_if;
  possible_net_t skc_net;
  struct in6_addr skc_v6_daddr;
  struct in6_addr skc_v6_rcv_saddr;
  atomic64_t skc_cookie;
  unsigned long skc_flags;
};

typedef struct {
  int owned;
} socket_lock_t;

struct sock {
  struct sock_common __sk_common;
  socket_lock_t sk_lock;
  __u16 sk_protocol;
  __u8 sk_shutdown;
  __u8 sk_kern_sock : 1;
  int sk_err;
  int sk_err_soft;
  atomic_t sk_drops;
  __u32 sk_ack_backlog;
  __u32 sk_max_ack_backlog;
  struct socket *sk_socket;
};
/* Since 6.18 UDP's are elsewhere, two of them. */
struct numa_drop_counters {
  atomic_t drops0;
  atomic_t drops1;
};
struct sock___numa {
  struct numa_drop_counters *sk_drop_counters;
};

struct inet_sock {
  struct sock sk;
  __be16 inet_sport;
};
struct inet_connection_sock {
  struct inet_sock icsk_inet;
  __u8 icsk_ca_state : 5;
};
struct minmax_sample {
  __u32 v;
};
struct minmax {
  struct minmax_sample s[3];
};
struct list_head {
  struct list_head *next;
};
struct request_sock {
  __u32 secid;
};
struct tcp_request_sock {
  __u64 snt_synack;
};
struct tcp_sock {
  struct inet_connection_sock inet_conn;
  struct list_head tsq_node;
  __u64 bytes_sent;
  __u64 bytes_acked;
  __u64 bytes_received;
  __u64 bytes_retrans;
  __u32 rcv_nxt;
  __u32 snd_nxt;
  __u32 snd_una;
  __u32 write_seq;
  __u32 srtt_us;
  struct minmax rtt_min;
  __u32 snd_cwnd;
  __u32 prior_cwnd;
  __u32 total_retrans;
  __u32 segs_in;
  __u32 segs_out;
  bool is_mptcp;
  struct request_sock *fastopen_rsk;
};
struct mptcp_sock {
  struct sock *first;
};
struct udp_sock {
  struct inet_sock inet;
  __u16 gso_size;
};

typedef struct {
  __u32 val;
} kuid_t;
typedef struct {
  __u32 val;
} kgid_t;
struct cred {
  kuid_t uid;
  kgid_t gid;
  kuid_t euid;
  kgid_t egid;
};
struct kernfs_node {
  __u64 id;
};
struct cgroup {
  struct kernfs_node *kn;
};
struct css_set {
  struct cgroup *dfl_cgrp;
};
struct upid {
  int nr;
};
struct pid {
  unsigned int level;
  struct upid numbers[1];
};
enum { PIDTYPE_SID = 3, SIGNAL_GROUP_EXIT = 4, PF_KTHREAD = 0x00200000 };
struct signal_struct {
  atomic_t live;
  int group_exit_code;
  unsigned int flags;
  struct pid *pids[4];
};
struct nsproxy {
  struct net *net_ns;
};
struct qstr {
  const unsigned char *name;
};
struct hlist_bl_node {
  struct hlist_bl_node **pprev;
};
struct dentry {
  struct hlist_bl_node d_hash;
  struct dentry *d_parent;
  struct qstr d_name;
};
struct vfsmount {
  struct dentry *mnt_root;
};
struct mount {
  struct mount *mnt_parent;
  struct dentry *mnt_mountpoint;
  struct vfsmount mnt;
};
struct path {
  struct vfsmount *mnt;
  struct dentry *dentry;
};
struct mm_struct {
  unsigned long arg_start;
  unsigned long arg_end;
  struct file *exe_file;
};
struct linux_binprm {
  const char *filename;
};
struct sigaction {
  void *sa_handler;
};
struct k_sigaction {
  struct sigaction sa;
};
struct task_struct {
  struct task_struct *group_leader;
  struct task_struct *real_parent;
  struct signal_struct *signal;
  struct pid *thread_pid;
  struct nsproxy *nsproxy;
  struct mm_struct *mm;
  unsigned int flags;
  unsigned int in_execve : 1;
  int pid;
  int exit_code;
  int exit_signal;
  int tgid;
  const struct cred *real_cred;
  const struct cred *cred;
  struct css_set *cgroups;
  __u64 start_time;
  __u64 start_boottime;
  __u64 timer_slack_ns;
  char comm[16];
};

struct socket {
  struct sock *sk;
};
struct inode {
  unsigned short i_mode;
};
struct file {
  struct path f_path;
  struct inode *f_inode;
  void *private_data;
};
struct seq_file;
struct net_device {
  possible_net_t nd_net;
  int ifindex;
};
struct tcp_skb_cb {
  __u16 tcp_gso_segs;
};
struct sk_buff {
  struct net_device *dev;
  char cb[48];
  __u16 transport_header;
  __u16 network_header;
  unsigned char *head;
};
struct bpf_map;

struct bpf_iter_meta {
  union {
    struct seq_file *seq;
    __u64 : 64;
  } __attribute__((aligned(8)));
};
struct bpf_iter__tcp {
  union {
    struct bpf_iter_meta *meta;
    __u64 : 64;
  };
  union {
    struct sock_common *sk_common;
    __u64 : 64;
  };
  __u32 uid __attribute__((aligned(8)));
};
struct bpf_iter__udp {
  union {
    struct bpf_iter_meta *meta;
    __u64 : 64;
  };
  union {
    struct udp_sock *udp_sk;
    __u64 : 64;
  };
  __u32 uid __attribute__((aligned(8)));
};
struct bpf_iter__task {
  union {
    struct bpf_iter_meta *meta;
    __u64 : 64;
  };
  union {
    struct task_struct *task;
    __u64 : 64;
  };
};
struct bpf_iter__task_file {
  union {
    struct bpf_iter_meta *meta;
    __u64 : 64;
  };
  union {
    struct task_struct *task;
    __u64 : 64;
  };
  __u32 fd __attribute__((aligned(8)));
  union {
    struct file *file;
    __u64 : 64;
  };
};
struct bpf_iter__bpf_map_elem {
  union {
    struct bpf_iter_meta *meta;
    __u64 : 64;
  };
  union {
    struct bpf_map *map;
    __u64 : 64;
  };
  union {
    void *key;
    __u64 : 64;
  };
  union {
    void *value;
    __u64 : 64;
  };
};
struct bpf_iter__bpf_sk_storage_map {
  union {
    struct bpf_iter_meta *meta;
    __u64 : 64;
  };
  union {
    struct bpf_map *map;
    __u64 : 64;
  };
  union {
    struct sock *sk;
    __u64 : 64;
  };
  union {
    void *value;
    __u64 : 64;
  };
};

#pragma clang attribute pop

/* Contexts of kprobes: the registers, a user-space ABI, not relocated. */
#if defined(__TARGET_ARCH_x86)
struct pt_regs {
  unsigned long r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi, orig_rax,
      rip, cs, eflags, rsp, ss;
};
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs;
struct user_pt_regs {
  __u64 regs[31];
  __u64 sp;
  __u64 pc;
  __u64 pstate;
};
#endif

/* Contexts of cgroup programs: a user-space ABI, not relocated. */
struct bpf_sock {
  __u32 bound_dev_if;
  __u32 family;
  __u32 type;
  __u32 protocol;
  __u32 mark;
  __u32 priority;
  __u32 src_ip4;
  __u32 src_ip6[4];
  __u32 src_port;
  __be16 dst_port;
  __u16 : 16;
  __u32 dst_ip4;
  __u32 dst_ip6[4];
  __u32 state;
  __s32 rx_queue_mapping;
};
struct bpf_sock_ops {
  __u32 op;
};
struct __sk_buff {
  __u32 len;
  __u32 before_interface[9];
  __u32 ifindex;
  __u32 before_data[8];
  __u32 data;
  __u32 data_end;
  __u32 before_segments[20];
  __u32 gso_segs;
  union {
    struct bpf_sock *sk;
    __u64 : 64;
  } __attribute__((aligned(8)));
  __u32 gso_size;
};
struct bpf_sock_addr {
  __u32 user_family;
  __u32 user_ip4;
  __u32 user_ip6[4];
  __u32 user_port;
  __u32 family;
  __u32 type;
  __u32 protocol;
  __u32 msg_src_ip4;
  __u32 msg_src_ip6[4];
  union {
    struct bpf_sock *sk;
    __u64 : 64;
  } __attribute__((aligned(8)));
};

#endif
