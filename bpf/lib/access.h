/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Reading the kernel's structures. Bodies are written once and compiled for each kind of program;
 * the context (context_*.h) says what that kind can do:
 *   FOLLOWS_POINTERS        the verifier knows its pointers; otherwise each member is copied
 *   READ(pointer, member)   reads a member, either way
 *   TCP_SOCK(sk)            the same socket as struct tcp_sock
 *   HAS_STORAGE             the program may call bpf_sk_storage_get
 *   COOKIE(socket)          the kernel's cookie, made if there is none; 0 without that helper */
#ifndef SOCKSCOPE_BPF_ACCESS_H
#define SOCKSCOPE_BPF_ACCESS_H

#ifndef SOCKSCOPE_BPF_CONTEXT_H
#error "a program includes one bpf/lib/context_*.h before anything else"
#endif

/* The verifier demands constant offsets into a context. Each use of this is a different
 * instruction, so that the compiler does not merge two branches into one load with a variable
 * offset. */
#define KEEP_APART(number) asm volatile("r0 = " #number ::: "r0")

static __always_inline bool is_internet(__u32 family) {
  return family == AF_INET || family == AF_INET6;
}

/* IPPROTO_TCP or IPPROTO_UDP; 0: a socket that sockscope does not watch. */
static __always_inline __u16 transport_of(const struct sock *sk) {
  if (!is_internet(READ(sk, __sk_common.skc_family)))
    return 0;
  __u16 protocol = READ(sk, sk_protocol);
  return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP ? protocol : 0;
}

/* NULL: the file is not a socket. The helper exists since Linux 5.11. */
static __always_inline struct sock *sock_of(struct file *file) {
  struct socket *socket = file ? bpf_sock_from_file(file) : NULL;
  return socket ? socket->sk : NULL;
}

/* sock_of() without that helper. The result is a plain pointer. */
static __always_inline struct sock *sock_by_inode(struct file *file) {
  if (!file || (BPF_CORE_READ(file, f_inode, i_mode) & 0170000) != 0140000) /* S_IFSOCK */
    return NULL;
  struct socket *socket = file->private_data;
  return socket ? BPF_CORE_READ(socket, sk) : NULL;
}

/* Read as kernel memory even where the verifier would follow the pointer itself: it searches the
 * kernel's whole BTF for each pointer type, which makes loading slow. */
static __always_inline __u32 read_netns(const struct sock_common *common) {
  return BPF_CORE_READ(common, skc_net.net, ns.inum);
}

#endif
