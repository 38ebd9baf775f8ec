// SPDX-License-Identifier: Apache-2.0
// The kernel programs and the host must agree on every member of every record: compares what clang
// wrote into the object's BTF with what this compiler made of the same header.
#include <bpf/btf.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <map>
#include <memory>
#include <string>

#include "wire/control.h"
#include "wire/record.h"

namespace {

struct BtfDeleter {
  void operator()(btf* types) const { btf__free(types); }
};

std::map<std::string, unsigned> offsets_in_object(const char* name, unsigned& size) {
  const std::unique_ptr<btf, BtfDeleter> types(btf__parse_elf(BPF_OBJECT, nullptr));
  const int id = btf__find_by_name_kind(types.get(), name, BTF_KIND_STRUCT);
  std::map<std::string, unsigned> offsets;
  size = 0;
  if (id < 0) return offsets;
  const btf_type* type = btf__type_by_id(types.get(), static_cast<unsigned>(id));
  size = type->size;
  const btf_member* members = btf_members(type);
  for (unsigned i = 0; i < btf_vlen(type); ++i)
    offsets[btf__name_by_offset(types.get(), members[i].name_off)] =
        btf_member_bit_offset(type, i) / 8;
  return offsets;
}

#define MEMBER(type, member) \
  { #member, offsetof(type, member) }

TEST(WireAbi, Header) {
  unsigned size = 0;
  const std::map<std::string, unsigned> host = {
      MEMBER(wire_header, type), MEMBER(wire_header, size), MEMBER(wire_header, netns),
      MEMBER(wire_header, mono_ns)};
  EXPECT_EQ(offsets_in_object("wire_header", size), host);
  EXPECT_EQ(size, sizeof(wire_header));
}

TEST(WireAbi, Flow) {
  unsigned size = 0;
  const std::map<std::string, unsigned> host = {MEMBER(wire_flow, header),
                                                MEMBER(wire_flow, cookie),
                                                MEMBER(wire_flow, since_ns),
                                                MEMBER(wire_flow, cgroup_id),
                                                MEMBER(wire_flow, process_start_ns),
                                                MEMBER(wire_flow, local_addr),
                                                MEMBER(wire_flow, remote_addr),
                                                MEMBER(wire_flow, local_port),
                                                MEMBER(wire_flow, remote_port),
                                                MEMBER(wire_flow, family),
                                                MEMBER(wire_flow, protocol),
                                                MEMBER(wire_flow, state),
                                                MEMBER(wire_flow, old_state),
                                                MEMBER(wire_flow, direction),
                                                MEMBER(wire_flow, owner),
                                                MEMBER(wire_flow, interface),
                                                MEMBER(wire_flow, pid),
                                                MEMBER(wire_flow, opener_pid),
                                                MEMBER(wire_flow, uid),
                                                MEMBER(wire_flow, value),
                                                MEMBER(wire_flow, extra),
                                                MEMBER(wire_flow, local_isn),
                                                MEMBER(wire_flow, remote_isn),
                                                MEMBER(wire_flow, comm)};
  EXPECT_EQ(offsets_in_object("wire_flow", size), host);
  EXPECT_EQ(size, sizeof(wire_flow));
}

TEST(WireAbi, FlowTotals) {
  unsigned size = 0;
  const std::map<std::string, unsigned> host = {
      MEMBER(wire_flow_totals, flow),        MEMBER(wire_flow_totals, tx_bytes),
      MEMBER(wire_flow_totals, rx_bytes),    MEMBER(wire_flow_totals, tx_segments),
      MEMBER(wire_flow_totals, rx_segments), MEMBER(wire_flow_totals, retransmits),
      MEMBER(wire_flow_totals, srtt_us),     MEMBER(wire_flow_totals, min_rtt_us),
      MEMBER(wire_flow_totals, ipv6_only),   MEMBER(wire_flow_totals, pad0)};
  EXPECT_EQ(offsets_in_object("wire_flow_totals", size), host);
  EXPECT_EQ(size, sizeof(wire_flow_totals));
}

TEST(WireAbi, Listener) {
  unsigned size = 0;
  const std::map<std::string, unsigned> host = {
      MEMBER(wire_listener, totals), MEMBER(wire_listener, drops), MEMBER(wire_listener, waiting),
      MEMBER(wire_listener, backlog), MEMBER(wire_listener, pad0)};
  EXPECT_EQ(offsets_in_object("wire_listener", size), host);
  EXPECT_EQ(size, sizeof(wire_listener));
}

TEST(WireAbi, Retransmit) {
  unsigned size = 0;
  const std::map<std::string, unsigned> host = {
      MEMBER(wire_retransmit, flow), MEMBER(wire_retransmit, sequence),
      MEMBER(wire_retransmit, window), MEMBER(wire_retransmit, prior_window),
      MEMBER(wire_retransmit, segments)};
  EXPECT_EQ(offsets_in_object("wire_retransmit", size), host);
  EXPECT_EQ(size, sizeof(wire_retransmit));
}

TEST(WireAbi, Counters) {
  unsigned size = 0;
  const std::map<std::string, unsigned> host = {
      MEMBER(wire_counters, header),      MEMBER(wire_counters, cookie),
      MEMBER(wire_counters, tx_bytes),    MEMBER(wire_counters, rx_bytes),
      MEMBER(wire_counters, tx_segments), MEMBER(wire_counters, rx_segments),
      MEMBER(wire_counters, retransmits), MEMBER(wire_counters, srtt_us),
      MEMBER(wire_counters, min_rtt_us),  MEMBER(wire_counters, state),
      MEMBER(wire_counters, pad0)};
  EXPECT_EQ(offsets_in_object("wire_counters", size), host);
  EXPECT_EQ(size, sizeof(wire_counters));
}

TEST(WireAbi, Process) {
  unsigned size = 0;
  const std::map<std::string, unsigned> host = {
      MEMBER(wire_process, header),      MEMBER(wire_process, start_ns),
      MEMBER(wire_process, cgroup_id),   MEMBER(wire_process, pid),
      MEMBER(wire_process, tid),         MEMBER(wire_process, parent_pid),
      MEMBER(wire_process, parent_tid),  MEMBER(wire_process, session),
      MEMBER(wire_process, inner_pid),   MEMBER(wire_process, uid),
      MEMBER(wire_process, gid),         MEMBER(wire_process, exit_status),
      MEMBER(wire_process, exit_signal), MEMBER(wire_process, cpu),
      MEMBER(wire_process, pad0),        MEMBER(wire_process, comm)};
  EXPECT_EQ(offsets_in_object("wire_process", size), host);
  EXPECT_EQ(size, sizeof(wire_process));
}

TEST(WireAbi, Exec) {
  unsigned size = 0;
  const std::map<std::string, unsigned> host = {
      MEMBER(wire_exec, process),      MEMBER(wire_exec, arguments_size),
      MEMBER(wire_exec, path_size),    MEMBER(wire_exec, path_whole),
      MEMBER(wire_exec, path_deleted), MEMBER(wire_exec, filename),
      MEMBER(wire_exec, arguments),    MEMBER(wire_exec, path)};
  EXPECT_EQ(offsets_in_object("wire_exec", size), host);
  EXPECT_EQ(size, sizeof(wire_exec));
}

TEST(WireAbi, ProcessChange) {
  unsigned size = 0;
  const std::map<std::string, unsigned> host = {MEMBER(wire_process_change, process),
                                                MEMBER(wire_process_change, value),
                                                MEMBER(wire_process_change, extra)};
  EXPECT_EQ(offsets_in_object("wire_process_change", size), host);
  EXPECT_EQ(size, sizeof(wire_process_change));
}

TEST(WireAbi, Dns) {
  unsigned size = 0;
  const std::map<std::string, unsigned> host = {
      MEMBER(wire_dns, flow), MEMBER(wire_dns, payload_size), MEMBER(wire_dns, captured),
      MEMBER(wire_dns, sequence), MEMBER(wire_dns, pad0)};
  EXPECT_EQ(offsets_in_object("wire_dns", size), host);
  EXPECT_EQ(size, sizeof(wire_dns));
}

TEST(WireAbi, Holder) {
  unsigned size = 0;
  const std::map<std::string, unsigned> host = {
      MEMBER(wire_holder, header), MEMBER(wire_holder, cookie), MEMBER(wire_holder, start_ns),
      MEMBER(wire_holder, pid),    MEMBER(wire_holder, fd),     MEMBER(wire_holder, comm)};
  EXPECT_EQ(offsets_in_object("wire_holder", size), host);
  EXPECT_EQ(size, sizeof(wire_holder));
}

TEST(WireAbi, UdpPeer) {
  unsigned size = 0;
  const std::map<std::string, unsigned> key = {
      MEMBER(wire_udp_peer_key, cookie),      MEMBER(wire_udp_peer_key, remote_addr),
      MEMBER(wire_udp_peer_key, remote_port), MEMBER(wire_udp_peer_key, family),
      MEMBER(wire_udp_peer_key, pad0),        MEMBER(wire_udp_peer_key, interface)};
  EXPECT_EQ(offsets_in_object("wire_udp_peer_key", size), key);
  EXPECT_EQ(size, sizeof(wire_udp_peer_key));
  const std::map<std::string, unsigned> value = {
      MEMBER(wire_udp_peer, tx_bytes), MEMBER(wire_udp_peer, rx_bytes),
      MEMBER(wire_udp_peer, tx_datagrams), MEMBER(wire_udp_peer, rx_datagrams),
      MEMBER(wire_udp_peer, since_ns)};
  EXPECT_EQ(offsets_in_object("wire_udp_peer", size), value);
  EXPECT_EQ(size, sizeof(wire_udp_peer));
}

TEST(WireAbi, Datagram) {
  unsigned size = 0;
  const std::map<std::string, unsigned> host = {
      MEMBER(wire_datagram, header), MEMBER(wire_datagram, cookie),
      MEMBER(wire_datagram, payload_size), MEMBER(wire_datagram, pad0),
      MEMBER(wire_datagram, start)};
  EXPECT_EQ(offsets_in_object("wire_datagram", size), host);
  EXPECT_EQ(size, sizeof(wire_datagram));
}

TEST(WireAbi, Control) {
  unsigned size = 0;
  const std::map<std::string, unsigned> host = {
      MEMBER(wire_control, lost_ring),       MEMBER(wire_control, lost_storage),
      MEMBER(wire_control, missed_returns),  MEMBER(wire_control, reader_waiting),
      MEMBER(wire_control, foreign_netns),   MEMBER(wire_control, pass_kind),
      MEMBER(wire_control, file_pass),       MEMBER(wire_control, peers_made),
      MEMBER(wire_control, earlier_pass_ns), MEMBER(wire_control, pass),
      MEMBER(wire_control, earlier_pass),    MEMBER(wire_control, pad0)};
  EXPECT_EQ(offsets_in_object("wire_control", size), host);
  EXPECT_EQ(size, sizeof(wire_control));
}

TEST(WireAbi, Config) {
  unsigned size = 0;
  const std::map<std::string, unsigned> host = {MEMBER(wire_config, observe),
                                                MEMBER(wire_config, home_netns),
                                                MEMBER(wire_config, pid_count),
                                                MEMBER(wire_config, pids),
                                                MEMBER(wire_config, any_port_count),
                                                MEMBER(wire_config, local_port_count),
                                                MEMBER(wire_config, remote_port_count),
                                                MEMBER(wire_config, any_ports),
                                                MEMBER(wire_config, local_ports),
                                                MEMBER(wire_config, remote_ports),
                                                MEMBER(wire_config, comm),
                                                MEMBER(wire_config, states_in),
                                                MEMBER(wire_config, has_cookies),
                                                MEMBER(wire_config, tcp_recvmsg_args),
                                                MEMBER(wire_config, udp_recvmsg_args),
                                                MEMBER(wire_config, udpv6_recvmsg_args),
                                                MEMBER(wire_config, accept_args),
                                                MEMBER(wire_config, forget_at_close),
                                                MEMBER(wire_config, udp_peers),
                                                MEMBER(wire_config, mptcp_owners),
                                                MEMBER(wire_config, udp_in_packets),
                                                MEMBER(wire_config, dns),
                                                MEMBER(wire_config, udp_in_calls),
                                                MEMBER(wire_config, tcp_in_calls),
                                                MEMBER(wire_config, asked_servers),
                                                MEMBER(wire_config, late_openings),
                                                MEMBER(wire_config, pad0)};
  EXPECT_EQ(offsets_in_object("wire_config", size), host);
  EXPECT_EQ(size, sizeof(wire_config));
}

}  // namespace
