// SPDX-License-Identifier: Apache-2.0
#include "decode/inet_diag.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "decode/address.h"
#include "decode/netlink.h"

namespace sockscope {
namespace {

constexpr std::uint8_t kAfInet = 2;
constexpr std::uint8_t kAfInet6 = 10;
constexpr std::uint8_t kLastState = 12;

// The kernel counts a FIN as a received byte. These states show that one was received; in a closed
// socket nothing does.
bool has_received_fin(TcpState state) noexcept {
  return state == TcpState::kCloseWait || state == TcpState::kLastAck ||
         state == TcpState::kClosing;
}

// Newer kernels have a longer tcp_info than this header, older ones a shorter one.
bool decode_tcp_info(std::span<const std::byte> bytes, PolledSocket& socket) noexcept {
  if (bytes.size() < offsetof(tcp_info, tcpi_segs_in) + sizeof(tcp_info::tcpi_segs_in))
    return false;
  tcp_info info{};
  info.tcpi_min_rtt = ~0u;
  const std::size_t size = std::min(bytes.size(), sizeof info) / 4 * 4;  // whole numbers only
  std::memcpy(&info, bytes.data(), size);
  Counters& counters = socket.flow.counters;
  const bool counts_sent =
      size >= offsetof(tcp_info, tcpi_bytes_retrans) + sizeof info.tcpi_bytes_retrans;
  counters.tx_bytes =
      counts_sent ? info.tcpi_bytes_sent - info.tcpi_bytes_retrans : info.tcpi_bytes_acked;
  counters.rx_bytes = info.tcpi_bytes_received;
  if (counters.rx_bytes != 0 && has_received_fin(socket.flow.state)) --counters.rx_bytes;
  counters.tx_segments = info.tcpi_segs_out;
  counters.rx_segments = info.tcpi_segs_in;
  counters.retransmits = info.tcpi_total_retrans;
  counters.srtt_us = info.tcpi_rtt;
  counters.min_rtt_us = info.tcpi_min_rtt == ~0u ? 0 : info.tcpi_min_rtt;
  socket.acked_bytes = info.tcpi_bytes_acked;
  return true;
}

bool decode_socket_message(std::span<const std::byte> bytes, Protocol protocol,
                           PolledSocket& socket) noexcept {
  inet_diag_msg head;
  if (!read_struct(bytes, head)) return false;
  if (head.idiag_family != kAfInet && head.idiag_family != kAfInet6) return false;
  socket = {};
  Flow& flow = socket.flow;
  std::span<const std::byte> info;
  std::uint64_t cgroup_id = 0;
  std::optional<bool> ipv6_only;
  bytes = bytes.subspan(std::min(netlink_aligned(sizeof head), bytes.size()));
  while (const auto attribute = take_attribute(bytes)) {
    const auto value = attribute->data;
    switch (attribute->type) {
      case INET_DIAG_INFO: info = value; break;
      case INET_DIAG_CGROUP_ID: read_struct(value, cgroup_id); break;
      case INET_DIAG_SKMEMINFO: socket.drops = decode_socket_drops(value); break;
      case INET_DIAG_SKV6ONLY:  // listening and unconnected sockets have it
        if (!value.empty()) ipv6_only = value[0] != std::byte{0};
        break;
      case INET_DIAG_PROTOCOL:
        if (value.empty() || (value[0] != std::byte{6} && value[0] != std::byte{17})) return false;
        protocol = Protocol{std::to_integer<std::uint8_t>(value[0])};
        break;
      default: break;
    }
  }
  if (bytes.size() >= sizeof(nlattr)) return false;

  flow.protocol = protocol;
  flow.cookie = std::uint64_t{head.id.idiag_cookie[1]} << 32 | head.id.idiag_cookie[0];
  set_addresses(head.idiag_family == kAfInet6,
                reinterpret_cast<const std::uint8_t*>(head.id.idiag_src),
                reinterpret_cast<const std::uint8_t*>(head.id.idiag_dst), flow);
  flow.local.port = ntohs(head.id.idiag_sport);
  flow.remote.port = ntohs(head.id.idiag_dport);
  flow.interface = head.id.idiag_if;
  if (flow.local.addr.family == 6) flow.ipv6_only = ipv6_only;
  flow.owner.cgroup_id = cgroup_id;
  socket.inode = head.idiag_inode;
  if (socket.inode != 0)
    flow.owner.uid = head.idiag_uid;  // otherwise the kernel no longer knows
                                      // the user
  flow.has_counters = false;
  if (protocol == Protocol::kUdp) return true;

  if (head.idiag_state == 0 || head.idiag_state > kLastState) return false;
  flow.state = TcpState{head.idiag_state};
  flow.has_counters = decode_tcp_info(info, socket);
  if (flow.state == TcpState::kListen) {
    flow.direction = Direction::kListen;
    socket.waiting = head.idiag_rqueue;
    socket.backlog = head.idiag_wqueue;
  }
  // Without tcp_info it is not a full socket: a half-open request, or what the kernel keeps of a
  // connection that this end has closed.
  if (flow.state == TcpState::kSynRecv && info.empty()) flow.state = TcpState::kNewSynRecv;
  if (flow.state == TcpState::kFinWait2 && info.empty()) flow.state = TcpState::kTimeWait;
  return true;
}

}  // namespace

std::optional<std::uint32_t> decode_socket_drops(std::span<const std::byte> memory) noexcept {
  std::uint32_t drops = 0;
  constexpr std::size_t kAt = SK_MEMINFO_DROPS * sizeof drops;
  if (memory.size() <= kAt || !read_struct(memory.subspan(kAt), drops)) return std::nullopt;
  return drops;
}

std::size_t decode_diag(std::span<const std::byte> bytes, Protocol asked,
                        DiagMessage& message) noexcept {
  nlmsghdr header;
  if (!read_struct(bytes, header) || header.nlmsg_len < sizeof header ||
      header.nlmsg_len > bytes.size())
    return 0;
  const auto body = bytes.subspan(sizeof header, header.nlmsg_len - sizeof header);
  message.is_interrupted = (header.nlmsg_flags & NLM_F_DUMP_INTR) != 0;
  message.sequence = header.nlmsg_seq;
  message.error = 0;
  int status = 0;
  switch (header.nlmsg_type) {
    case NLMSG_DONE:
      message.kind = DiagMessage::Kind::kDone;
      if (read_struct(body, status) && status < 0)
        message.error = status == INT32_MIN ? EIO : -status;
      break;
    case NLMSG_ERROR:
      message.kind =
          read_struct(body, status) ? DiagMessage::Kind::kError : DiagMessage::Kind::kMalformed;
      message.error = status == INT32_MIN ? EIO : status < 0 ? -status : status;
      break;
    case NLMSG_OVERRUN: message.kind = DiagMessage::Kind::kOverrun; break;
    case SOCK_DIAG_BY_FAMILY:
      message.kind = decode_socket_message(body, asked, message.socket)
                         ? DiagMessage::Kind::kSocket
                         : DiagMessage::Kind::kMalformed;
      break;
    default: message.kind = DiagMessage::Kind::kOther; break;
  }
  return std::min(netlink_aligned(header.nlmsg_len), bytes.size());
}

}  // namespace sockscope
