// SPDX-License-Identifier: Apache-2.0
#include "source/ebpf/ways.h"

namespace sockscope {
namespace {

using enum DoorKind;
using enum StateIn;

constexpr std::string_view kNotBetweenReturns =
    "calls beyond the number of return probes are counted as missed";
constexpr std::string_view kOnlyWithAddress =
    "a process that accepts without asking for the peer's address is known only once it is found "
    "with the connection open, or closes it";
constexpr std::string_view kEachPacket =
    "costs each packet of this host some 0.1 us; multicast that is looped back counts twice as "
    "sent";
constexpr std::string_view kSentPackets =
    "counts packets, which costs each packet of this host some 0.05 us; the process that has the "
    "socket open is taken for the sender";
constexpr std::string_view kReceivedPackets =
    "counts packets as they arrive, read by the process or not, without those that the kernel "
    "drops; the process that has the socket open is taken for the receiver";
constexpr std::string_view kNotOnTop =
    "misses what happens in an interrupt during another probe; counted since Linux 6.7";
constexpr std::string_view kWithFailures = "attempts that fail count too";
constexpr std::string_view kOnlyHeld =
    "older sockets that no process has open are missing: not yet accepted, or left behind";

// Makes a reference to a program; a misspelt name does not compile.
#define P(name)       \
  ProgramRef {        \
    &ProgramSet::name \
  }

ProgramRef if_exists(ProgramRef reference) {
  reference.where_function_exists = true;
  return reference;
}
ProgramRef for_data(ProgramRef reference) {
  reference.for_data = true;
  return reference;
}
ProgramRef copy(ProgramRef reference) {
  reference.is_copy = true;
  return reference;
}
// Usable only where the kernel's tracepoint has at least this many parameters.
ProgramRef with_parameters(int least, ProgramRef reference) {
  reference.least_parameters = least;
  return reference;
}

}  // namespace

// The order of ways, best first. For UDP its own functions come first, because they cost TCP
// nothing. Programs for packets and the tracepoints of send and receive slow TCP down by some 5 %
// each; UDP is slowed more by packets than by calls. So packets come first only where they are
// looked at in any case, for DNS or remote ends. What happens once in a socket's life costs next to
// nothing with any way. kprobes come last, because they need the sockets' states in the hash.
const std::vector<Plan>& plans() {
  static const std::vector<Plan> all = {
      {Observation::kTcpSockets, Need::kAlways, true, {{kIterator, {P(iter__tcp)}}}},
      {Observation::kUdpSockets, Need::kAlways, false, {{kIterator, {P(iter__udp)}}}},
      {Observation::kForeignSockets,
       Need::kAlways,
       false,
       {{kMapIterator, {P(iter__bpf_sk_storage_map), P(iter__bpf_map_elem)}, kStorage},
        {kMapIterator, {P(iter__bpf_sk_storage_map), P(iter__bpf_map_elem)}, kByProtocol},
        {kMapIterator, {P(iter__bpf_map_elem)}, kHash},
        {kTaskIterator, {P(iter__task_file_foreign)}, kStorage, kOnlyHeld},
        {kTaskIterator, {P(iter__task_file_foreign)}, kByProtocol, kOnlyHeld},
        {kTaskIterator, {P(iter__task_file_foreign__inode)}, kHash, kOnlyHeld}}},
      {Observation::kOlderOwners,
       Need::kAlways,
       false,
       {{kTaskIterator, {P(iter__task_file)}},
        {kTaskIterator, {P(iter__task_file__inode)}, kHash}}},
      {Observation::kSocketCookies,
       Need::kAllInHash,
       false,
       {{kNumbering, {P(cgroup__sock_create__number), P(sockops__number)}}}},
      {Observation::kTcpEnd,
       Need::kTcpInHash,
       false,
       {{kTracepoint, {P(tp_btf__tcp_destroy_sock)}},
        {kFunction, {P(fentry__tcp_v4_destroy_sock)}},
        {kProbe, {P(kprobe__tcp_v4_destroy_sock)}, kHash}}},
      {Observation::kTcpLifecycle,
       Need::kConnections,
       true,
       {{kTracepoint, {P(tp_btf__inet_sock_set_state), copy(P(tp_btf__inet_sock_set_state__copy))}},
        {kFunction,
         {P(fentry__tcp_set_state), copy(P(fentry__tcp_set_state__copy)),
          P(fexit__inet_csk_listen_start)}},
        {kProbe, {P(kprobe__tcp_set_state), P(kprobe__inet_csk_listen_start)}, kHash, kNotOnTop}}},
      {Observation::kTcpUse,
       Need::kExactOwners,
       false,
       {{kTracepoint, {P(tp_btf__sock_recv_length), P(tp_btf__sock_send_length)}},
        {kFunction,
         {P(fexit__tcp_recvmsg), P(fexit__tcp_sendmsg), if_exists(P(fexit__tcp_sendpage))}},
        {kProbe,
         {P(kprobe__tcp_recvmsg), for_data(P(kretprobe__tcp_recvmsg)), P(kprobe__tcp_sendmsg),
          for_data(P(kretprobe__tcp_sendmsg)), if_exists(P(kprobe__tcp_sendpage)),
          for_data(if_exists(P(kretprobe__tcp_sendpage)))},
         kHash,
         kNotBetweenReturns}}},
      {Observation::kUdpSent,
       Need::kConnections,
       false,
       {{kFunction,
         {P(fexit__udp_sendmsg), if_exists(P(fexit__udpv6_sendmsg)),
          if_exists(P(fexit__udp_sendpage))}},
        {kCgroup, {P(cgroup_skb__egress)}, kAny, kSentPackets, true, true},
        {kTracepoint, {P(tp_btf__sock_send_length)}},
        {kCgroup, {P(cgroup_skb__egress)}, kAny, kSentPackets, true},
        {kProbe,
         {P(kprobe__udp_sendmsg), P(kretprobe__udp_sendmsg), if_exists(P(kprobe__udpv6_sendmsg)),
          if_exists(P(kretprobe__udpv6_sendmsg)), if_exists(P(kprobe__udp_sendpage)),
          if_exists(P(kretprobe__udp_sendpage))},
         kHash,
         kNotBetweenReturns}}},
      {Observation::kUdpReceived,
       Need::kConnections,
       false,
       {{kFunction, {P(fexit__udp_recvmsg), if_exists(P(fexit__udpv6_recvmsg))}},
        {kCgroup, {P(cgroup_skb__ingress)}, kAny, kReceivedPackets, true, true},
        {kTracepoint, {P(tp_btf__sock_recv_length)}},
        {kCgroup, {P(cgroup_skb__ingress)}, kAny, kReceivedPackets, true},
        {kProbe,
         {P(kprobe__udp_recvmsg), P(kretprobe__udp_recvmsg), if_exists(P(kprobe__udpv6_recvmsg)),
          if_exists(P(kretprobe__udpv6_recvmsg))},
         kHash,
         kNotBetweenReturns}}},
      {Observation::kUdpBirth,
       Need::kConnections,
       false,
       {{kCgroup, {P(cgroup__sock_create)}},
        {kFunction, {P(fentry__udp_init_sock), if_exists(P(fentry__udpv6_init_sock))}},
        {kProbe, {P(kprobe__udp_init_sock), if_exists(P(kprobe__udpv6_init_sock))}, kHash}}},
      {Observation::kUdpClose,
       Need::kConnections,
       false,
       {{kCgroup, {P(cgroup__sock_release)}},
        {kFunction, {P(fentry__inet_release)}},
        {kProbe, {P(kprobe__inet_release)}, kHash}}},
      {Observation::kAcceptIpv4,
       Need::kConnections,
       false,
       {{kFunction, {P(fexit__inet_csk_accept)}},
        {kCgroup, {P(cgroup__getpeername4)}, kAny, kOnlyWithAddress},
        {kProbe, {P(kprobe__security_sock_graft)}, kHash},
        {kProbe,
         {P(kprobe__inet_csk_accept), P(kretprobe__inet_csk_accept)},
         kHash,
         kNotBetweenReturns}}},
      {Observation::kAcceptIpv6,
       Need::kConnections,
       false,
       {{kFunction, {P(fexit__inet_csk_accept)}},
        {kCgroup, {P(cgroup__getpeername6)}, kAny, kOnlyWithAddress},
        {kProbe, {P(kprobe__security_sock_graft)}, kHash},
        {kProbe,
         {P(kprobe__inet_csk_accept), P(kretprobe__inet_csk_accept)},
         kHash,
         kNotBetweenReturns}}},
      {Observation::kRetransmits,
       Need::kQuality,
       false,
       {{kTracepoint, {with_parameters(3, P(tp_btf__tcp_retransmit_skb__error))}},
        {kTracepoint, {P(tp_btf__tcp_retransmit_skb)}},
        {kFunction, {P(fexit__tcp_retransmit_skb), if_exists(P(fexit____tcp_retransmit_skb))}},
        {kProbe,
         {P(kprobe__tcp_retransmit_skb), if_exists(P(kprobe____tcp_retransmit_skb))},
         kHash,
         kWithFailures}}},
      {Observation::kResetsSent,
       Need::kQuality,
       false,
       {{kTracepoint, {P(tp_btf__tcp_send_reset)}},
        {kFunction,
         {P(fentry__tcp_send_active_reset), if_exists(P(fentry__tcp_v4_send_reset)),
          if_exists(P(fentry__tcp_v6_send_reset))}},
        {kProbe,
         {P(kprobe__tcp_send_active_reset), if_exists(P(kprobe__tcp_v4_send_reset)),
          if_exists(P(kprobe__tcp_v6_send_reset))},
         kHash}}},
      {Observation::kResetsReceived,
       Need::kQuality,
       false,
       {{kTracepoint, {P(tp_btf__tcp_receive_reset)}},
        {kFunction, {P(fentry__tcp_reset)}},
        {kProbe, {P(kprobe__tcp_reset)}, kHash}}},
      {Observation::kRefusedAttempts,
       Need::kRefusals,
       false,
       {{kTracepoint, {with_parameters(3, P(tp_btf__tcp_send_reset__refused))}},
        {kFunction,
         {P(fentry__tcp_v4_send_reset__refused), if_exists(P(fentry__tcp_v6_send_reset__refused))}},
        {kProbe,
         {P(kprobe__tcp_v4_send_reset__refused),
          if_exists(P(kprobe__tcp_v6_send_reset__refused))}}}},
      {Observation::kProcessList, Need::kProcessTable, false, {{kTaskIterator, {P(iter__task)}}}},
      {Observation::kProcessFork,
       Need::kProcesses,
       false,
       {{kTracepoint, {P(tp_btf__sched_process_fork)}}}},
      {Observation::kProcessExec,
       Need::kProcesses,
       false,
       {{kTracepoint, {P(tp_btf__sched_process_exec)}}}},
      {Observation::kProcessExit,
       Need::kProcesses,
       false,
       {{kTracepoint, {P(tp_btf__sched_process_exit)}}}},
      {Observation::kProcessName,
       Need::kProcesses,
       false,
       {{kTracepoint, {P(tp_btf__task_rename)}}}},
      {Observation::kCoreDump,
       Need::kProcesses,
       false,
       {{kTracepoint, {P(tp_btf__signal_deliver)}}}},
      {Observation::kProcessUser,
       Need::kProcesses,
       false,
       {{kFunction, {P(fentry__proc_id_connector)}}, {kProbe, {P(kprobe__proc_id_connector)}}}},
      {Observation::kProcessGroup,
       Need::kProcesses,
       false,
       {{kFunction, {P(fentry__proc_id_connector)}}, {kProbe, {P(kprobe__proc_id_connector)}}}},
      {Observation::kProcessSession,
       Need::kProcesses,
       false,
       {{kFunction, {P(fentry__proc_sid_connector)}}, {kProbe, {P(kprobe__proc_sid_connector)}}}},
      {Observation::kProcessTracer,
       Need::kProcesses,
       false,
       {{kFunction, {P(fentry__proc_ptrace_connector)}},
        {kProbe, {P(kprobe__proc_ptrace_connector)}}}},
      {Observation::kDnsMessages,
       Need::kDns,
       false,
       {{kCgroup, {P(cgroup_skb__egress), P(cgroup_skb__ingress)}}}},
      {Observation::kTranslatedDns,
       Need::kTranslatedDns,
       false,
       {{kCgroup, {P(cgroup__sendmsg4), P(cgroup__sendmsg6)}}}},
      {Observation::kUdpPeers,
       Need::kUdpPeers,
       false,
       {{kCgroup, {P(cgroup_skb__egress), P(cgroup_skb__ingress)}, kAny, kEachPacket}}},
      {Observation::kHolders,
       Need::kHolders,
       false,
       {{kTaskIterator, {P(iter__task_file_holders)}},
        {kTaskIterator, {P(iter__task_file_holders__inode)}}}},
  };
  return all;
}

#undef P

}  // namespace sockscope
