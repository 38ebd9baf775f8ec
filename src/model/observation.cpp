// SPDX-License-Identifier: Apache-2.0
#include <sockscope/observation.h>

namespace sockscope {

const char* to_string(Observation observation) noexcept {
  switch (observation) {
    case Observation::kTcpSockets: return "tcp sockets";
    case Observation::kUdpSockets: return "udp sockets";
    case Observation::kForeignSockets: return "sockets of other network namespaces";
    case Observation::kOlderOwners: return "owners of older sockets";
    case Observation::kSocketCookies: return "socket cookies";
    case Observation::kTcpEnd: return "end of tcp sockets";
    case Observation::kTcpLifecycle: return "tcp lifecycle";
    case Observation::kTcpUse: return "process that uses a tcp connection";
    case Observation::kUdpSent: return "udp sent bytes, sending process";
    case Observation::kUdpReceived: return "udp received bytes, receiving process";
    case Observation::kUdpBirth: return "udp birth";
    case Observation::kUdpClose: return "udp close, closing process";
    case Observation::kAcceptIpv4: return "accepting process, IPv4";
    case Observation::kAcceptIpv6: return "accepting process, IPv6";
    case Observation::kRetransmits: return "retransmits";
    case Observation::kResetsSent: return "resets sent";
    case Observation::kResetsReceived: return "resets received";
    case Observation::kRefusedAttempts: return "attempts that meet no listener";
    case Observation::kProcessList: return "processes";
    case Observation::kProcessFork: return "process fork";
    case Observation::kProcessExec: return "process exec";
    case Observation::kProcessExit: return "process exit";
    case Observation::kProcessName: return "process name";
    case Observation::kCoreDump: return "core dump";
    case Observation::kProcessUser: return "process user";
    case Observation::kProcessGroup: return "process group";
    case Observation::kProcessSession: return "process session";
    case Observation::kProcessTracer: return "process tracer";
    case Observation::kTranslatedDns: return "dns queries that are translated";
    case Observation::kDnsMessages: return "dns messages";
    case Observation::kUdpPeers: return "remote ends of udp sockets";
    case Observation::kHolders: return "holders of sockets";
    case Observation::kReverseNames: return "reverse lookups";
    case Observation::kTranslations: return "translated addresses";
    case Observation::kListenDrops: return "drops of listening sockets";
    case Observation::kUdpBytes: return "udp bytes";
    case Observation::kTcpFigures: return "tcp bytes, segments, round trip times";
    case Observation::kFinalFigures: return "final figures of closed sockets";
    case Observation::kBetweenPolls: return "connections between two polls";
    case Observation::kLosses: return "retransmits and resets, one by one";
    case Observation::kEachCall: return "each send and receive";
    case Observation::kOwners: return "owners";
    case Observation::kOtherUsersOwners: return "owners in other users' processes";
    case Observation::kProtectedOwners: return "owners in protected processes";
    case Observation::kSource: return "source";
    case Observation::kSockets: return "sockets";
  }
  return "";
}

std::optional<Observation> observation_of(std::string_view text) noexcept {
  for (std::size_t i = 0; i < kObservationCount; ++i)
    if (const auto observation = static_cast<Observation>(i); text == to_string(observation))
      return observation;
  return std::nullopt;
}

}  // namespace sockscope
