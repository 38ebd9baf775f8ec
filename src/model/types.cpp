// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <sockscope/types.h>

#include <cstring>

#include "model/fields.h"

namespace sockscope {
namespace {

std::string_view until_nul(const std::array<char, 16>& text) noexcept {
  return {text.data(), ::strnlen(text.data(), text.size())};
}

// The share in per cent.
std::optional<double> share_of(const std::optional<std::uint64_t>& part,
                               const std::optional<std::uint64_t>& whole) noexcept {
  if (!part || !whole) return std::nullopt;
  return *whole == 0 ? 0 : 100 * static_cast<double>(*part) / static_cast<double>(*whole);
}

}  // namespace

std::string_view Owner::name() const noexcept {
  return until_nul(comm);
}
std::string_view Process::name() const noexcept {
  return until_nul(comm);
}

std::uint64_t Loss::total() const noexcept {
  std::uint64_t sum = 0;
  for_each_field(kLossFields, [&](const auto& cause) { sum += this->*cause.member; });
  return sum;
}

std::optional<double> TcpInternals::receiver_limited() const noexcept {
  return share_of(receiver_limited_us, busy_us);
}
std::optional<double> TcpInternals::buffer_limited() const noexcept {
  return share_of(buffer_limited_us, busy_us);
}

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

std::string to_string(ConnectionId id) {
  return id == ConnectionId::kUnknown ? "" : fmt::format("{:016x}", static_cast<std::uint64_t>(id));
}

std::string_view to_string(App app) noexcept {
  return app == App::kQuic ? "quic" : "";
}

}  // namespace sockscope
