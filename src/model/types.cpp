// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include <sockscope/types.h>

namespace sockscope {
namespace {

std::string_view until_nul(const std::array<char, 16>& text) noexcept {
  return {text.data(), ::strnlen(text.data(), text.size())};
}

}  // namespace

bool Address::is_unspecified() const noexcept {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

bool Address::is_loopback() const noexcept {
  if (family == 4) return bytes[0] == 127;
  return bytes[15] == 1 && std::all_of(bytes.begin(), bytes.end() - 1,
                                       [](std::uint8_t byte) { return byte == 0; });
}

bool Address::is_global() const noexcept {
  const std::uint8_t first = bytes[0];
  const std::uint8_t second = bytes[1];
  if (family == 6) return first >> 5 == 1;  // 2000::/3
  const bool is_private = first == 10 || (first == 172 && second >> 4 == 1) ||
                          (first == 192 && second == 168) || (first == 100 && second >> 6 == 1);
  const bool is_of_link = first == 169 && second == 254;
  return first != 0 && first != 127 && first < 224 && !is_private && !is_of_link;
}

std::string_view Owner::name() const noexcept { return until_nul(comm); }
std::string_view Process::name() const noexcept { return until_nul(comm); }

std::string_view to_string(Protocol protocol) noexcept {
  return protocol == Protocol::kTcp ? "tcp" : "udp";
}

std::string_view to_string(Direction direction) noexcept {
  switch (direction) {
    case Direction::kOutbound: return "outbound";
    case Direction::kInbound: return "inbound";
    case Direction::kListen: return "listen";
    case Direction::kUnknown: break;
  }
  return "";
}

std::string_view to_string(OwnerKind kind) noexcept {
  switch (kind) {
    case OwnerKind::kExact: return "exact";
    case OwnerKind::kInherited: return "inherited";
    case OwnerKind::kBootstrap: return "bootstrap";
    case OwnerKind::kKernel: return "kernel";
    case OwnerKind::kUnknown: break;
  }
  return "unknown";
}

std::string_view to_string(Source source) noexcept {
  switch (source) {
    case Source::kEbpf: return "ebpf";
    case Source::kSockDiag: return "sock_diag";
    case Source::kCapture: return "capture";
    case Source::kProcfs: return "procfs";
    case Source::kAuto: break;
  }
  return "auto";
}

std::string_view to_string(TcpState state) noexcept {
  switch (state) {
    case TcpState::kEstablished: return "ESTABLISHED";
    case TcpState::kSynSent: return "SYN_SENT";
    case TcpState::kSynRecv:
    case TcpState::kNewSynRecv: return "SYN_RECV";
    case TcpState::kFinWait1: return "FIN_WAIT1";
    case TcpState::kFinWait2: return "FIN_WAIT2";
    case TcpState::kTimeWait: return "TIME_WAIT";
    case TcpState::kClose: return "CLOSE";
    case TcpState::kCloseWait: return "CLOSE_WAIT";
    case TcpState::kLastAck: return "LAST_ACK";
    case TcpState::kListen: return "LISTEN";
    case TcpState::kClosing: return "CLOSING";
    case TcpState::kNone: break;
  }
  return "";
}

std::string_view to_string(App app) noexcept { return app == App::kQuic ? "quic" : ""; }

std::string_view to_string(EventKind kind) noexcept {
  switch (kind) {
    case EventKind::kConnect: return "connect";
    case EventKind::kAccept: return "accept";
    case EventKind::kConnectFailed: return "connect_failed";
    case EventKind::kClose: return "close";
    case EventKind::kRetransmit: return "retransmit";
    case EventKind::kReset: return "reset";
    case EventKind::kOwner: return "owner";
    case EventKind::kAttempt: return "attempt";
    case EventKind::kState: return "state";
    case EventKind::kData: return "data";
    case EventKind::kProcess: return "process";
    case EventKind::kRefused: return "refused";
    case EventKind::kUdpPeer: return "udp_peer";
    case EventKind::kDns: return "dns";
    case EventKind::kAlert: return "alert";
    case EventKind::kGap: break;
  }
  return "gap";
}

std::string to_string(const Address& address) {
  if (address.family == 6) {
    char text[INET6_ADDRSTRLEN] = "";
    ::inet_ntop(AF_INET6, address.bytes.data(), text, sizeof text);
    return text;
  }
  std::string text;  // inet_ntop takes a printf for this, twice per event
  for (std::size_t i = 0; i < 4; ++i) {
    char digits[4];
    if (i != 0) text += '.';
    text.append(digits, std::to_chars(digits, digits + sizeof digits, address.bytes[i]).ptr);
  }
  return text;
}

std::string to_string(const Endpoint& endpoint) {
  std::string text = to_string(endpoint.addr);
  if (endpoint.addr.family == 6) text = '[' + text + ']';
  return text + ':' + std::to_string(endpoint.port);
}

}  // namespace sockscope
