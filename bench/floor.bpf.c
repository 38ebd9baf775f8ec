/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Programs that do nothing, on the hooks that `trace` uses: the least that any program there must
 * cost. */
#include "bpf/kernel_types.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("?tp_btf/inet_sock_set_state")
int tp_btf__inet_sock_set_state(void *ctx) { return 0; }

SEC("?tp_btf/tcp_destroy_sock")
int tp_btf__tcp_destroy_sock(void *ctx) { return 0; }

SEC("?tp_btf/sock_send_length")
int tp_btf__sock_send_length(void *ctx) { return 0; }

SEC("?tp_btf/sock_recv_length")
int tp_btf__sock_recv_length(void *ctx) { return 0; }

SEC("?cgroup_skb/egress")
int cgroup_skb__egress(struct __sk_buff *skb) { return 1; }

SEC("?cgroup_skb/ingress")
int cgroup_skb__ingress(struct __sk_buff *skb) { return 1; }

SEC("?cgroup/sock_create")
int cgroup__sock_create(struct bpf_sock *ctx) { return 1; }

SEC("?cgroup/sock_release")
int cgroup__sock_release(struct bpf_sock *ctx) { return 1; }

SEC("?cgroup/getpeername4")
int cgroup__getpeername4(struct bpf_sock_addr *ctx) { return 1; }
