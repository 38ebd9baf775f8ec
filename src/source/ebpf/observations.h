// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace sockscope {

// The ways into the kernel, as a user names them.
enum class DoorKind { kNone, kIterator, kNumbering, kTracepoint, kCgroup, kFunction, kProbe };

// "iter", "tp_btf", "cgroup", "fexit", "kprobe". Iterators and the numbering of sockets are open to
// everybody who may load anything: no choice of doors leaves them out.
std::string_view to_string(DoorKind kind) noexcept;

// When an observation is made.
enum class Need { kAlways, kTcpInHash, kAllInHash, kConnections, kQuality, kProcesses, kProcessTable, kHolders,
                  kDns, kRefusals, kUdpPeers};

// Where the sockets' states are (bpf/lib/state.h), and must be for a way to work.
enum class StateIn { kAny, kStorage, kByProtocol, kHash };

struct Way {
  DoorKind kind = DoorKind::kNone;
  // Names of programs, separated by blanks. '?' before one: only where the kernel has its function.
  // '*': only when each send and receive is an event.
  std::string_view programs;
  StateIn state = StateIn::kAny;
  // What is not exact about it; empty: nothing.
  std::string_view limits = {};
};

struct Observation {
  std::string_view name;
  Need need;
  bool essential;  // without it there is nothing to show
  std::array<Way, 4> ways;  // best first
};

inline constexpr std::size_t kMaxWays = 4;
inline constexpr std::size_t kObservationCount = 30;
extern const std::array<Observation, kObservationCount> kObservations;

inline constexpr std::string_view kForeignSockets = "sockets of other network namespaces";
inline constexpr std::string_view kTcpLifecycle = "tcp lifecycle";
inline constexpr std::string_view kTcpEnd = "end of tcp sockets";
inline constexpr std::string_view kHolderList = "holders of sockets";
inline constexpr std::string_view kProcessList = "processes";
inline constexpr std::string_view kProcessFork = "process fork";
inline constexpr std::string_view kProcessExec = "process exec";
inline constexpr std::string_view kProcessExit = "process exit";
inline constexpr std::string_view kProcessName = "process name";
inline constexpr std::string_view kCoreDump = "core dump";
inline constexpr std::string_view kProcessUser = "process user";
inline constexpr std::string_view kProcessGroup = "process group";
inline constexpr std::string_view kProcessSession = "process session";
inline constexpr std::string_view kProcessTracer = "process tracer";
inline constexpr std::string_view kUdpPeerTable = "remote ends of udp sockets";
inline constexpr std::string_view kUdpSent = "udp sent bytes, sending process";
inline constexpr std::string_view kUdpReceived = "udp received bytes, receiving process";

}  // namespace sockscope
