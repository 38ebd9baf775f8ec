// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sockscope {

// What a monitor observes, each thing by a door of its own (Door). Which of them a source has
// depends on the source.
enum class Observation : std::uint8_t {
  // eBPF
  kTcpSockets,
  kUdpSockets,
  kForeignSockets,  // of other network namespaces
  kOlderOwners,     // of sockets that were there before
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
  kTranslatedDns,  // queries of unconnected sockets to servers that netfilter turns to another port
  kUdpPeers,       // remote ends of unconnected UDP sockets
  kHolders,
  // polled sources, beside those of the above that they have or lack
  kUdpBytes,
  kTcpFigures,
  kFinalFigures,
  kBetweenPolls,
  kLosses,  // retransmits and resets
  kEachCall,
  kOwners,
  kOtherUsersOwners,  // refused: this source may not look into the processes of other users
  kProtectedOwners,   // refused: a security module hides what some processes have open
  // of any source
  kReverseNames,  // of remote ends, looked up
  kTranslations,  // of addresses, by netfilter
  kListenDrops,   // event::ListenDrop
  kSource,
  kSockets,  // read from a capture
};
inline constexpr std::size_t kObservationCount =
    static_cast<std::size_t>(Observation::kSockets) + 1;

// "tcp lifecycle", "dns messages", …: as users, JSON and `doctor` have it.
const char* to_string(Observation observation) noexcept;
// The observation of that text; none: no observation has it.
std::optional<Observation> observation_of(std::string_view text) noexcept;

}  // namespace sockscope
