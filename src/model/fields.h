// SPDX-License-Identifier: Apache-2.0
// The figures of the records that JSON is made of: the name of each member, in the order in which
// they are written. All code that writes or reads such records walks these lists, so a new figure
// is one line here. docs/schema and docs/json-format.md define the figures, and a test compares
// them with these lists. Not listed here is what is written in another form than the member has (an
// age, a time, addresses).
#pragma once

#include <sockscope/types.h>

#include <cstdint>
#include <string_view>
#include <tuple>

namespace sockscope {

// How 0, an empty text, an empty list and an empty optional are written.
enum class Unknown : std::uint8_t {
  kNull,
  kZero,  // for numbers: 0 is an ordinary value
  kLeftOut,
};

inline constexpr bool kLater = true;

template <class Struct, class Member>
struct Field {
  std::string_view name;  // a literal, so a NUL follows
  Member Struct::*member;
  Unknown unknown = Unknown::kNull;
  bool is_later = false;  // documents written by earlier versions do not have it
};
template <class Struct, class Member>
Field(std::string_view, Member Struct::*, Unknown = {}, bool = {}) -> Field<Struct, Member>;

template <class... Fields, class Visit>
constexpr void for_each_field(const std::tuple<Fields...>& list, Visit visit) {
  std::apply([&](const auto&... field) { (visit(field), ...); }, list);
}

inline constexpr std::tuple kLossFields{
    Field{"ring_full", &Loss::ring_full, Unknown::kZero},
    Field{"storage_failed", &Loss::storage_failed, Unknown::kZero},
    Field{"malformed", &Loss::malformed, Unknown::kZero},
    Field{"missed_returns", &Loss::missed_returns, Unknown::kZero, kLater},
    Field{"missed_runs", &Loss::missed_runs, Unknown::kZero, kLater},
    Field{"translations", &Loss::translations, Unknown::kZero, kLater},
    Field{"netlink_full", &Loss::netlink_full, Unknown::kZero, kLater},
    Field{"udp_peers", &Loss::udp_peers, Unknown::kZero, kLater},
};

// Written before the ends of a flow.
inline constexpr std::tuple kSocketFields{
    Field{"cookie", &Flow::cookie},
    Field{"peer_of", &Flow::peer_of, Unknown::kLeftOut},
    Field{"conn_id", &Flow::conn_id, Unknown::kNull, kLater},
    Field{"netns", &Flow::netns},
    Field{"proto", &Flow::protocol},
    Field{"app", &Flow::app, Unknown::kLeftOut},
};

inline constexpr std::tuple kOwnerFields{
    Field{"pid", &Owner::pid},
    Field{"opener_pid", &Owner::opener_pid},
    Field{"comm", &Owner::comm},
    Field{"uid", &Owner::uid},
    Field{"cgroup_id", &Owner::cgroup_id},
    Field{"owner", &Owner::kind},
};

// Without Flow::has_counters all of these are null, without Flow::has_segments those of segments.
inline constexpr std::tuple kByteFields{
    Field{"tx_bytes", &Counters::tx_bytes, Unknown::kZero},
    Field{"rx_bytes", &Counters::rx_bytes, Unknown::kZero},
};
inline constexpr std::tuple kSegmentFields{
    Field{"tx_segments", &Counters::tx_segments, Unknown::kZero},
    Field{"rx_segments", &Counters::rx_segments, Unknown::kZero},
    Field{"retransmits", &Counters::retransmits, Unknown::kZero},
};
inline constexpr std::tuple kRoundTripFields{
    Field{"srtt_us", &Counters::srtt_us},
    Field{"min_rtt_us", &Counters::min_rtt_us},
};
inline constexpr auto kCountersFields =
    std::tuple_cat(kByteFields, kSegmentFields, kRoundTripFields);

inline constexpr std::tuple kProcessFields{
    Field{"pid", &Process::pid},
    Field{"comm", &Process::comm},
    Field{"uid", &Process::uid},
    Field{"cgroup_id", &Process::cgroup_id},
    Field{"open_flows", &Process::open_flows, Unknown::kZero},
    Field{"listeners", &Process::listeners, Unknown::kZero},
    Field{"closed_flows", &Process::closed_flows, Unknown::kZero},
    Field{"tx_bytes", &Process::tx_bytes, Unknown::kZero},
    Field{"rx_bytes", &Process::rx_bytes, Unknown::kZero},
    Field{"retransmits", &Process::retransmits, Unknown::kZero},
    Field{"srtt_us", &Process::srtt_us},
    Field{"tx_rate", &Process::tx_rate},
    Field{"rx_rate", &Process::rx_rate},
};

// What is known of a process, in records of flows, of processes and of process events.
inline constexpr std::tuple kProcessInfoFields{
    Field{"start_ns", &ProcessInfo::start_ns},   Field{"ppid", &ProcessInfo::parent_pid},
    Field{"parents", &ProcessInfo::parents},     Field{"session", &ProcessInfo::session},
    Field{"process_netns", &ProcessInfo::netns}, Field{"inner_pid", &ProcessInfo::inner_pid},
};
inline constexpr std::tuple kProgramFields{
    Field{"exe", &Program::exe},
    Field{"exe_given", &Program::exe_given, Unknown::kNull, kLater},
    Field{"cmdline", &Program::cmdline},
    Field{"arguments", &Program::arguments, Unknown::kNull, kLater},
    Field{"arguments_truncated", &Program::arguments_truncated, Unknown::kNull, kLater},
};
inline constexpr std::tuple kControlGroupFields{
    Field{"cgroup", &ControlGroup::path},
    Field{"unit", &ControlGroup::unit},
    Field{"container_unit", &ControlGroup::container_unit, Unknown::kNull, kLater},
    Field{"container_runtime", &ControlGroup::runtime},
    Field{"container_id", &ControlGroup::container_id},
    Field{"container", &ControlGroup::container_name},
    Field{"pod_uid", &ControlGroup::pod_uid},
};

// Written after `remote_name` and its age.
inline constexpr std::tuple kRemoteNameFields{
    Field{"name_source", &RemoteName::source},
    Field{"name_server", &RemoteName::server},
    Field{"name_ttl_s", &RemoteName::ttl_s, Unknown::kZero},
    Field{"name_pid", &RemoteName::pid},
    Field{"name_comm", &RemoteName::comm, Unknown::kNull, kLater},
};

// Of a TCP socket. A listening socket has only these.
inline constexpr std::tuple kQueueFields{
    Field{"recv_queue", &TcpInternals::receive_queue, Unknown::kZero},
    Field{"send_queue", &TcpInternals::send_queue, Unknown::kZero},
    Field{"drops", &TcpInternals::drops, Unknown::kNull, kLater},
};
inline constexpr std::tuple kTcpInternalsFields{
    Field{"notsent", &TcpInternals::unsent_bytes},
    Field{"cwnd", &TcpInternals::congestion_window, Unknown::kZero},
    Field{"ssthresh", &TcpInternals::slow_start_threshold},
    Field{"rto_us", &TcpInternals::retransmit_timeout_us, Unknown::kZero},
    Field{"rttvar_us", &TcpInternals::rtt_variance_us, Unknown::kZero},
    Field{"busy_us", &TcpInternals::busy_us},
    Field{"delivery_rate", &TcpInternals::delivery_rate},
    Field{"lost", &TcpInternals::lost, Unknown::kZero},
    Field{"reordering", &TcpInternals::reordering},
    Field{"dsack", &TcpInternals::duplicate_acks},
    Field{"pmtu", &TcpInternals::path_mtu, Unknown::kZero},
    Field{"mss", &TcpInternals::mss, Unknown::kZero},
    Field{"cc", &TcpInternals::congestion_control},
};

// Of the other end of a connection, in `other_end`. Its addresses come between the two.
inline constexpr std::tuple kOtherEndFields{
    Field{"cookie", &OtherEnd::cookie},
    Field{"netns", &OtherEnd::netns},
};

inline constexpr std::tuple kSocketHolderFields{
    Field{"pid", &SocketHolder::pid, Unknown::kZero},
    Field{"comm", &SocketHolder::comm},
    Field{"fd", &SocketHolder::fd, Unknown::kZero},
};

}  // namespace sockscope
