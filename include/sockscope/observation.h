// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sockscope {

// What a monitor can observe. Each observation has a door of its own (Door). Which ones exist
// depends on the source.
enum class Observation : std::uint8_t {
  // eBPF
  kTcpSockets,
  kUdpSockets,
  kForeignSockets,  // of other network namespaces
  kOlderOwners,     // owners of sockets that existed before
  kSocketCookies,
  kTcpEnd,
  kTcpLifecycle,
  kTcpUse,  // which process sends and receives
  kUdpSent,
  kUdpReceived,
  kUdpBirth,
  kUdpClose,
  kAcceptIpv4,
  kAcceptIpv6,
  kRetransmits,
  kResetsSent,
  kResetsReceived,
  kRefusedAttempts,  // event::Refused
  kProcessList,
  kProcessFork,
  kProcessExec,
  kProcessExit,
  kProcessName,
  kCoreDump,
  kProcessUser,
  kProcessGroup,
  kProcessSession,
  kProcessTracer,
  kDnsMessages,
  kTranslatedDns,  // queries of unconnected sockets to servers that netfilter redirects to another
                   // port
  kUdpPeers,       // remote ends of unconnected UDP sockets
  kHolders,
  // polled sources, in addition to those above that they share
  kUdpBytes,
  kTcpFigures,
  kFinalFigures,
  kBetweenPolls,
  kLosses,  // retransmits and resets
  kEachCall,
  kOwners,
  kOtherUsersOwners,  // refused: this source may not inspect other users' processes
  kProtectedOwners,   // refused: a security module hides the open files of some processes
  // of any source
  kReverseNames,  // of remote ends, looked up
  kTranslations,  // of addresses, by netfilter
  kListenDrops,   // event::ListenDrop
  kSource,
  kSockets,  // read from a capture
};
inline constexpr std::size_t kObservationCount =
    static_cast<std::size_t>(Observation::kSockets) + 1;

// "tcp lifecycle", "dns messages", …: as in JSON and `doctor`.
const char* to_string(Observation observation) noexcept;
// The observation with that text; empty: there is none.
std::optional<Observation> observation_of(std::string_view text) noexcept;

}  // namespace sockscope
