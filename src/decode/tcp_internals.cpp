// SPDX-License-Identifier: Apache-2.0
#include "decode/tcp_internals.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>

#include <algorithm>
#include <cstring>

#include "decode/inet_diag.h"
#include "decode/netlink.h"

namespace sockscope {
namespace {

constexpr std::uint32_t kNoThreshold = 0x7FFFFFFF;  // never left slow start

// tcpi_rcv_wnd follows tcpi_snd_wnd since Linux 6.2; the header of Debian 12 is older.
constexpr std::size_t kReceiveWindowAt = 232;
static_assert(offsetof(tcp_info, tcpi_snd_wnd) + 4 == kReceiveWindowAt);

// tcp_info grows with the kernel: members beyond its end are not known.
bool read_info(std::span<const std::byte> bytes, TcpInternals& out) noexcept {
  tcp_info info{};
  constexpr std::size_t kLeast = offsetof(tcp_info, tcpi_total_retrans) + 4;
  if (bytes.size() < kLeast) return false;
  const std::size_t size = std::min(bytes.size(), sizeof info);
  std::memcpy(&info, bytes.data(), size);
  const auto has = [&](std::size_t offset, std::size_t width) { return offset + width <= size; };
#define HAS(field) has(offsetof(tcp_info, field), sizeof info.field)
  out.congestion_window = info.tcpi_snd_cwnd;
  if (info.tcpi_snd_ssthresh < kNoThreshold) out.slow_start_threshold = info.tcpi_snd_ssthresh;
  out.mss = info.tcpi_snd_mss;
  out.path_mtu = info.tcpi_pmtu;
  out.rtt_variance_us = info.tcpi_rttvar;
  out.retransmit_timeout_us = info.tcpi_rto;
  out.receive_space = info.tcpi_rcv_space;
  out.unacked = info.tcpi_unacked;
  out.lost = info.tcpi_lost;
  if (info.tcpi_reordering != 0) out.reordering = info.tcpi_reordering;
  if (HAS(tcpi_notsent_bytes)) out.unsent_bytes = info.tcpi_notsent_bytes;
  if (HAS(tcpi_delivery_rate) && info.tcpi_delivery_rate != 0)
    out.delivery_rate = info.tcpi_delivery_rate;
  if (HAS(tcpi_sndbuf_limited)) {
    out.busy_us = info.tcpi_busy_time;
    out.receiver_limited_us = info.tcpi_rwnd_limited;
    out.buffer_limited_us = info.tcpi_sndbuf_limited;
  }
  if (HAS(tcpi_reord_seen)) {
    out.duplicate_acks = info.tcpi_dsack_dups;
    out.reorderings_seen = info.tcpi_reord_seen;
  }
#undef HAS
  if (std::uint32_t window = 0; bytes.size() >= kReceiveWindowAt + sizeof window) {
    std::memcpy(&window, bytes.data() + kReceiveWindowAt, sizeof window);
    out.receive_window = window;
  }
  return true;
}

}  // namespace

std::optional<TcpInternals> decode_tcp_internals(std::span<const std::byte> message,
                                                 std::uint64_t cookie) noexcept {
  nlmsghdr header;
  inet_diag_msg head;
  if (!read_struct(message, header) || header.nlmsg_type != SOCK_DIAG_BY_FAMILY ||
      header.nlmsg_len < sizeof header + sizeof head || header.nlmsg_len > message.size())
    return std::nullopt;
  auto bytes = message.subspan(sizeof header, header.nlmsg_len - sizeof header);
  if (!read_struct(bytes, head)) return std::nullopt;
  if ((std::uint64_t{head.id.idiag_cookie[1]} << 32 | head.id.idiag_cookie[0]) != cookie)
    return std::nullopt;
  TcpInternals out;
  bool has_info = false;
  out.receive_queue = head.idiag_rqueue;
  out.send_queue = head.idiag_wqueue;
  bytes = bytes.subspan(std::min(netlink_aligned(sizeof head), bytes.size()));
  while (const auto attribute = take_attribute(bytes)) {
    const auto value = attribute->data;
    if (attribute->type == INET_DIAG_INFO) {
      has_info = read_info(value, out);
    } else if (attribute->type == INET_DIAG_SKMEMINFO) {
      out.drops = decode_socket_drops(value);
    } else if (attribute->type == INET_DIAG_CONG) {
      const std::size_t size = std::min(value.size(), out.congestion_control.size() - 1);
      std::memcpy(out.congestion_control.data(), value.data(), size);
    }
  }
  if (!has_info) return std::nullopt;
  return out;
}

}  // namespace sockscope
