// SPDX-License-Identifier: Apache-2.0
#include "source/ebpf/observations.h"

#include <sockscope/dns.h>
#include <sockscope/types.h>

namespace sockscope {
namespace {

using enum DoorKind;
using enum Need;
using enum StateIn;

constexpr std::string_view kNotBetweenReturns =
    "calls beyond the number of return probes are counted as missed";
constexpr std::string_view kOnlyWithAddress =
    "an accept that does not ask for the peer's address shows at the first use";
constexpr std::string_view kEachPacket =
    "costs each packet of this host some 0.1 us; multicast that is looped back counts twice as sent";
constexpr std::string_view kNotOnTop =
    "missed where an interrupt comes on top of a probe: counted since Linux 6.7";
constexpr std::string_view kWithFailures = "attempts that fail count too";

}  // namespace

std::string_view to_string(DoorKind kind) noexcept {
  switch (kind) {
    case kIterator: return "iter";
    case kTracepoint: return "tp_btf";
    case kNumbering:
    case kCgroup: return "cgroup";
    case kFunction: return "fexit";
    case kProbe: return "kprobe";
    case kNone: break;
  }
  return {};
}

// The tracepoints of send and receive come before fexit, although that one costs TCP nothing: they
// also tell which process uses a TCP connection. Those of a whole socket's life cost next to nothing
// either way. kprobes come last: they keep the sockets' states in a hash.
const std::array<Observation, kObservationCount> kObservations = {{
    {"tcp sockets", kAlways, true, {{{kIterator, "iter__tcp"}}}},
    {"udp sockets", kAlways, false, {{{kIterator, "iter__udp"}}}},
    {kForeignSockets,
     kAlways,
     false,
     {{{kIterator, "iter__bpf_sk_storage_map iter__bpf_map_elem", kStorage},
       {kIterator, "iter__bpf_sk_storage_map iter__bpf_map_elem", kByProtocol},
       {kIterator, "iter__bpf_map_elem", kHash}}}},
    {"owners of older sockets",
     kAlways,
     false,
     {{{kIterator, "iter__task_file"}, {kIterator, "iter__task_file__inode", kHash}}}},
    {"socket cookies",
     kAllInHash,
     false,
     {{{kNumbering, "cgroup__sock_create__number sockops__number"}}}},
    {kTcpEnd,
     kTcpInHash,
     false,
     {{{kTracepoint, "tp_btf__tcp_destroy_sock"},
       {kFunction, "fentry__tcp_v4_destroy_sock"},
       {kProbe, "kprobe__tcp_v4_destroy_sock", kHash}}}},
    {kTcpLifecycle,
     kConnections,
     true,
     {{{kTracepoint, "tp_btf__inet_sock_set_state tp_btf__inet_sock_set_state__copy"},
       {kFunction,
        "fentry__tcp_set_state fentry__tcp_set_state__copy fexit__inet_csk_listen_start"},
       {kProbe, "kprobe__tcp_set_state kprobe__inet_csk_listen_start", kHash, kNotOnTop}}}},
    {kUdpSent,
     kConnections,
     false,
     {{{kTracepoint, "tp_btf__sock_send_length"},
       {kFunction,
        "fexit__udp_sendmsg ?fexit__udpv6_sendmsg ?fexit__udp_sendpage fexit__tcp_sendmsg "
        "?fexit__tcp_sendpage"},
       {kProbe,
        "kprobe__udp_sendmsg kretprobe__udp_sendmsg ?kprobe__udpv6_sendmsg "
        "?kretprobe__udpv6_sendmsg ?kprobe__udp_sendpage ?kretprobe__udp_sendpage "
        "kprobe__tcp_sendmsg *kretprobe__tcp_sendmsg ?kprobe__tcp_sendpage "
        "*?kretprobe__tcp_sendpage",
        kHash, kNotBetweenReturns}}}},
    {kUdpReceived,
     kConnections,
     false,
     {{{kTracepoint, "tp_btf__sock_recv_length"},
       {kFunction, "fexit__udp_recvmsg ?fexit__udpv6_recvmsg fexit__tcp_recvmsg"},
       {kProbe,
        "kprobe__udp_recvmsg kretprobe__udp_recvmsg ?kprobe__udpv6_recvmsg "
        "?kretprobe__udpv6_recvmsg kprobe__tcp_recvmsg *kretprobe__tcp_recvmsg",
        kHash, kNotBetweenReturns}}}},
    {"udp birth",
     kConnections,
     false,
     {{{kCgroup, "cgroup__sock_create"},
       {kFunction, "fentry__udp_init_sock ?fentry__udpv6_init_sock"},
       {kProbe, "kprobe__udp_init_sock ?kprobe__udpv6_init_sock", kHash}}}},
    {"udp close, closing process",
     kConnections,
     false,
     {{{kCgroup, "cgroup__sock_release"},
       {kFunction, "fentry__inet_release"},
       {kProbe, "kprobe__inet_release", kHash}}}},
    {"accepting process, IPv4",
     kConnections,
     false,
     {{{kFunction, "fexit__inet_csk_accept"},
       {kCgroup, "cgroup__getpeername4", kAny, kOnlyWithAddress},
       {kProbe, "kprobe__security_sock_graft", kHash},
       {kProbe, "kprobe__inet_csk_accept kretprobe__inet_csk_accept", kHash,
        kNotBetweenReturns}}}},
    {"accepting process, IPv6",
     kConnections,
     false,
     {{{kFunction, "fexit__inet_csk_accept"},
       {kCgroup, "cgroup__getpeername6", kAny, kOnlyWithAddress},
       {kProbe, "kprobe__security_sock_graft", kHash},
       {kProbe, "kprobe__inet_csk_accept kretprobe__inet_csk_accept", kHash,
        kNotBetweenReturns}}}},
    {"retransmits",
     kQuality,
     false,
     {{{kTracepoint, "tp_btf__tcp_retransmit_skb__error"},
       {kTracepoint, "tp_btf__tcp_retransmit_skb"},
       {kFunction, "fexit__tcp_retransmit_skb ?fexit____tcp_retransmit_skb"},
       {kProbe, "kprobe__tcp_retransmit_skb ?kprobe____tcp_retransmit_skb", kHash, kWithFailures}}}},
    {"resets sent",
     kQuality,
     false,
     {{{kTracepoint, "tp_btf__tcp_send_reset"},
       {kFunction,
        "fentry__tcp_send_active_reset ?fentry__tcp_v4_send_reset ?fentry__tcp_v6_send_reset"},
       {kProbe,
        "kprobe__tcp_send_active_reset ?kprobe__tcp_v4_send_reset ?kprobe__tcp_v6_send_reset",
        kHash}}}},
    {"resets received",
     kQuality,
     false,
     {{{kTracepoint, "tp_btf__tcp_receive_reset"},
       {kFunction, "fentry__tcp_reset"},
       {kProbe, "kprobe__tcp_reset", kHash}}}},
    {kRefusedAttempts,
     kRefusals,
     false,
     {{{kTracepoint, "tp_btf__tcp_send_reset__refused"},
       {kFunction, "fentry__tcp_v4_send_reset__refused ?fentry__tcp_v6_send_reset__refused"},
       {kProbe, "kprobe__tcp_v4_send_reset__refused ?kprobe__tcp_v6_send_reset__refused"}}}},
    {kProcessList, kProcessTable, false, {{{kIterator, "iter__task"}}}},
    {kProcessFork, kProcesses, false, {{{kTracepoint, "tp_btf__sched_process_fork"}}}},
    {kProcessExec, kProcesses, false, {{{kTracepoint, "tp_btf__sched_process_exec"}}}},
    {kProcessExit, kProcesses, false, {{{kTracepoint, "tp_btf__sched_process_exit"}}}},
    {kProcessName, kProcesses, false, {{{kTracepoint, "tp_btf__task_rename"}}}},
    {kCoreDump, kProcesses, false, {{{kTracepoint, "tp_btf__signal_deliver"}}}},
    {kProcessUser,
     kProcesses,
     false,
     {{{kFunction, "fentry__proc_id_connector"}, {kProbe, "kprobe__proc_id_connector"}}}},
    {kProcessGroup,
     kProcesses,
     false,
     {{{kFunction, "fentry__proc_id_connector"}, {kProbe, "kprobe__proc_id_connector"}}}},
    {kProcessSession,
     kProcesses,
     false,
     {{{kFunction, "fentry__proc_sid_connector"}, {kProbe, "kprobe__proc_sid_connector"}}}},
    {kProcessTracer,
     kProcesses,
     false,
     {{{kFunction, "fentry__proc_ptrace_connector"},
       {kProbe, "kprobe__proc_ptrace_connector"}}}},
    {dns::kObservation, kDns, false, {{{kCgroup, "cgroup_skb__egress cgroup_skb__ingress"}}}},
    {kUdpPeerTable,
     kUdpPeers,
     false,
     {{{kCgroup,
        "iter__bpf_map_elem__udp_peers cgroup_skb__egress__udp cgroup_skb__ingress__udp", kAny,
        kEachPacket}}}},
    {kHolderList,
     kHolders,
     false,
     {{{kIterator, "iter__task_file_holders"}, {kIterator, "iter__task_file_holders__inode"}}}},
}};

}  // namespace sockscope
