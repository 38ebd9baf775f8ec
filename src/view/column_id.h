// SPDX-License-Identifier: Apache-2.0
// Every column of every table, including the screen of top, with what is the same wherever it is
// shown.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>

namespace sockscope {

// clang-format off
enum class ColumnId : std::uint8_t {
  kNone,
  // Connections and processes, in tables and on the screen.
  kPid, kOpenerPid, kComm, kUid, kUser, kProto, kLocal, kLport, kRemote, kNat, kRemoteName, kRport,
  kDirection, kStack, kState, kConns, kListeners, kClosedFlows, kRxRate, kTxRate, kRate, kRxBytes, kTxBytes,
  kRxSegments, kTxSegments, kRetransmits, kRetransmitRate, kRtt, kMeanRtt, kMinRtt, kOwner, kNetns,
  kCgroupId, kCookie, kConnId, kOtherPid, kOtherComm, kOtherNetns, kOtherLocal, kAge, kHolders, kExe, kCmdline, kUnit, kContainer, kPod, kCgroup, kPpid,
  kParent, kSession, kInnerPid,
  kRttVariation, kCwnd, kMss, kSendQueue, kCongestionControl, kReceiveQueue, kSsthresh, kRto,
  kReceiverLimited, kBufferLimited, kBusy, kDeliveryRate, kNotSent, kLost, kReordering, kDsack, kPathMtu,
  kSocketDrops,
  // Only on the screen.
  kProcs, kP95, kRetransmitShare, kSpark, kRate10s, kRate60s,
  kTime, kEvent, kDetail, kSeverity, kCategory, kLasted, kFailures,
  kInterface, kLink, kSpeed, kUse, kErrors, kDrops, kAddresses,
  kMount, kSize, kUsed, kAvailable, kUsage, kDevice,
};
// clang-format on

// The kind of a column's value; decides how it is printed and aligned.
enum class ValueKind : std::uint8_t {
  kText,
  kEndpoint,  // shortened in the middle of the address
  kId,        // a number that names something
  kUser,      // a user's number
  kCount,
  kBytes,
  kRate,       // bytes per second, printed in the chosen units
  kPerSecond,  // events per second
  kRtt,        // microseconds, printed as milliseconds
  kDuration,   // microseconds
};

// What a column needs in addition to the sockets themselves.
enum class Needs : std::uint8_t {
  kNothing,
  kProcess,       // the owner
  kDescription,   // Options::describe
  kTcpInternals,  // Options::tcp_internals; on the screen Monitor::tcp_internals()
  kTranslations,  // Options::translations
};

struct ColumnInfo {
  ColumnId id;
  std::string_view name;  // for --columns, --sort, filters and configuration; empty: screen only
  std::string_view heading;
  ValueKind kind;
  Needs needs = Needs::kNothing;
  std::string_view screen_heading = {};  // where it differs on top's screen
  std::string_view short_heading = {};   // for screens narrower than 60 columns
  bool sortable = true;

  bool is_text() const noexcept {
    return kind == ValueKind::kText || kind == ValueKind::kEndpoint || kind == ValueKind::kUser;
  }
  bool is_of_process() const noexcept {
    return needs == Needs::kProcess || needs == Needs::kDescription;
  }
};

namespace column_table {

using enum ColumnId;
using enum Needs;
using K = ValueKind;

inline constexpr ColumnInfo kColumns[] = {
    {ColumnId::kNone, "", "", K::kText},
    {kPid, "pid", "PID", K::kId, kProcess},
    {kOpenerPid, "opener_pid", "OPENER", K::kId},
    {kComm, "comm", "COMMAND", K::kText, kProcess},
    {kUid, "uid", "USER", K::kUser, kProcess},
    {kUser, "user", "USER", K::kUser, kProcess},
    {kProto, "proto", "PROT", K::kText},
    {kLocal, "local", "LOCAL", K::kEndpoint},
    {kLport, "lport", "LPORT", K::kId},
    {kRemote, "remote", "REMOTE", K::kEndpoint},
    {kNat, "nat", "NAT", K::kText, kTranslations},
    {kRemoteName, "remote_name", "NAME", K::kText},
    {kRport, "rport", "RPORT", K::kId},
    {kDirection, "direction", "DIR", K::kText},
    {kStack, "stack", "STACK", K::kText},
    {kState, "state", "ST", K::kText},
    {kConns, "conns", "CONNS", K::kCount},
    {kListeners, "listeners", "LISTEN", K::kCount},
    {kClosedFlows, "closed_flows", "CLOSED", K::kCount},
    {kRxRate, "rx_rate", "RX/s", K::kRate, kNothing, "↓RX/s"},
    {kTxRate, "tx_rate", "TX/s", K::kRate, kNothing, "↑TX/s"},
    {kRate, "rate", "RX+TX/s", K::kRate, kNothing, "", "RX+TX"},
    {kRxBytes, "rx_bytes", "RX", K::kBytes, kNothing, "RX TOTAL"},
    {kTxBytes, "tx_bytes", "TX", K::kBytes, kNothing, "TX TOTAL"},
    {kRxSegments, "rx_segments", "RXSEG", K::kCount},
    {kTxSegments, "tx_segments", "TXSEG", K::kCount},
    {kRetransmits, "retransmits", "RETR", K::kCount},
    {kRetransmitRate, "retr_rate", "RETR/s", K::kPerSecond},
    {kRtt, "rtt", "RTTms", K::kRtt},
    {kMeanRtt, "rtt", "RTT ms", K::kRtt, kNothing, "", "RTT"},  // mean over several connections
    {kMinRtt, "min_rtt", "MINms", K::kRtt},
    {kOwner, "owner", "OWNER", K::kText},
    {kNetns, "netns", "NETNS", K::kId},
    {kCgroupId, "cgroup_id", "CGROUP", K::kId, kProcess},
    {kCookie, "cookie", "COOKIE", K::kId},
    {kConnId, "conn_id", "CONNECTION", K::kText},
    {kOtherPid, "other_pid", "OTHER PID", K::kId},
    {kOtherComm, "other_comm", "OTHER COMMAND", K::kText},
    {kOtherNetns, "other_netns", "OTHER NETNS", K::kId},
    {kOtherLocal, "other_local", "OTHER LOCAL", K::kText},
    {kAge, "age", "AGE", K::kDuration},
    {kHolders, "holders", "HOLDERS", K::kText},
    {kExe, "exe", "EXE", K::kText, kDescription},
    {kCmdline, "cmdline", "COMMAND LINE", K::kText, kDescription},
    {kUnit, "unit", "UNIT", K::kText, kDescription, "UNIT / CONTAINER"},
    {kContainer, "container", "CONTAINER", K::kText, kDescription},
    {kPod, "pod", "POD", K::kText, kDescription},
    {kCgroup, "cgroup", "CGROUP PATH", K::kText, kDescription},
    {kPpid, "ppid", "PPID", K::kId, kDescription},
    {kParent, "parent", "PARENTS", K::kText, kDescription},
    {kSession, "session", "SESSION", K::kId, kDescription},
    {kInnerPid, "inner_pid", "INNER", K::kId, kDescription},
    {kRttVariation, "rttvar_us", "VARms", K::kRtt, kTcpInternals, "±var", "", false},
    {kCwnd, "cwnd", "CWND", K::kCount, kTcpInternals, "", "", false},
    {kMss, "mss", "MSS", K::kCount, kTcpInternals, "", "", false},
    {kSendQueue, "send_queue", "SENDQ", K::kCount, kTcpInternals, "", "", false},
    {kCongestionControl, "cc", "CC", K::kText, kTcpInternals, "", "", false},
    {kReceiveQueue, "recv_queue", "RECVQ", K::kCount, kTcpInternals, "", "", false},
    {kSsthresh, "ssthresh", "SSTH", K::kCount, kTcpInternals, "", "", false},
    {kRto, "rto_us", "RTOms", K::kRtt, kTcpInternals, "", "", false},
    {kReceiverLimited, "rwnd_limited", "RWND%", K::kPerSecond, kTcpInternals, "", "", false},
    {kBufferLimited, "sndbuf_limited", "SNDBUF%", K::kPerSecond, kTcpInternals, "", "", false},
    {kBusy, "busy_us", "BUSY", K::kDuration, kTcpInternals, "", "", false},
    {kDeliveryRate, "delivery_rate", "DELIV/s", K::kRate, kTcpInternals, "", "", false},
    {kNotSent, "notsent", "NOTSENT", K::kBytes, kTcpInternals, "", "", false},
    {kLost, "lost", "LOST", K::kCount, kTcpInternals, "", "", false},
    {kReordering, "reordering", "REORD", K::kCount, kTcpInternals, "", "", false},
    {kDsack, "dsack", "DSACK", K::kCount, kTcpInternals, "", "", false},
    {kPathMtu, "pmtu", "PMTU", K::kCount, kTcpInternals, "", "", false},
    {kSocketDrops, "drops", "DROPS", K::kCount, kTcpInternals, "", "", false},
    {kProcs, "", "PROCS", K::kCount},
    {kP95, "", "p95", K::kRtt, kNothing, "", "", false},
    {kRetransmitShare, "", "RETR%", K::kPerSecond, kNothing, "", "", false},
    {kSpark, "", "60 s (rx+tx)", K::kText, kNothing, "", "", false},
    {kRate10s, "", "10s", K::kRate},
    {kRate60s, "", "60s", K::kRate},
    {kTime, "", "TIME", K::kText},
    {kEvent, "", "EVENT", K::kText},
    {kDetail, "", "DETAIL", K::kText},
    {kSeverity, "", "SEVERITY", K::kText},
    {kCategory, "", "CATEGORY", K::kText},
    {kLasted, "", "FOR", K::kDuration},
    {kFailures, "", "FAILED", K::kCount},
    {kInterface, "", "INTERFACE", K::kText},
    {kLink, "", "LINK", K::kText},
    {kSpeed, "", "SPEED", K::kCount},
    {kUse, "", "USE%", K::kCount},
    {kErrors, "", "ERR", K::kCount},
    {kDrops, "", "DROP", K::kCount},
    {kAddresses, "", "ADDRESSES", K::kText, kNothing, "", "", false},
    {kMount, "", "MOUNTED ON", K::kText},
    {kSize, "", "SIZE", K::kBytes},
    {kUsed, "", "USED", K::kBytes},
    {kAvailable, "", "AVAIL", K::kBytes},
    {kUsage, "", "USE%", K::kCount},
    {kDevice, "", "DEVICE", K::kText},
};

constexpr bool is_in_order() {
  for (std::size_t i = 0; i < std::size(kColumns); ++i)
    if (kColumns[i].id != static_cast<ColumnId>(i)) return false;
  return std::size(kColumns) == static_cast<std::size_t>(kDevice) + 1;
}
static_assert(is_in_order(), "the table has an entry for each ColumnId, in that order");

}  // namespace column_table

constexpr const ColumnInfo& info_of(ColumnId id) {
  return column_table::kColumns[static_cast<std::size_t>(id)];
}

}  // namespace sockscope
