// SPDX-License-Identifier: Apache-2.0
#include "decode/proc_net.h"

#include <array>
#include <charconv>
#include <cstring>

#include "decode/address.h"

namespace sockscope {
namespace {

constexpr std::uint8_t kLastState = 12;
constexpr unsigned kTimeWaitTimer = 3;

std::string_view next_word(std::string_view& text) noexcept {
  const std::size_t begin = std::min(text.find_first_not_of(' '), text.size());
  const std::size_t end = std::min(text.find(' ', begin), text.size());
  const std::string_view word = text.substr(begin, end - begin);
  text.remove_prefix(end);
  return word;
}

template <class T>
bool parse_whole(std::string_view text, int base, T& value) noexcept {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

// "0100007F:0CEA": groups of four bytes in network order, each printed as a number in host order.
bool parse_endpoint(std::string_view text, std::array<std::uint8_t, 16>& address,
                    std::size_t& address_bytes, std::uint16_t& port) noexcept {
  const std::size_t colon = text.find(':');
  if (colon != 8 && colon != 32) return false;
  address_bytes = colon / 2;
  for (std::size_t i = 0; i < address_bytes; i += 4) {
    std::uint32_t word = 0;
    if (!parse_whole(text.substr(2 * i, 8), 16, word)) return false;
    std::memcpy(&address[i], &word, sizeof word);
  }
  return parse_whole(text.substr(colon + 1), 16, port);
}

}  // namespace

std::optional<PolledSocket> parse_socket_line(std::string_view line, Protocol protocol) noexcept {
  if (!line.empty() && line.back() == '\n') line.remove_suffix(1);
  if (!next_word(line).ends_with(':')) return std::nullopt;
  std::array<std::uint8_t, 16> local{}, remote{};
  std::size_t local_bytes = 0, remote_bytes = 0;
  PolledSocket socket;
  Flow& flow = socket.flow;
  flow.protocol = protocol;
  flow.has_counters = false;
  std::uint8_t state = 0;
  if (!parse_endpoint(next_word(line), local, local_bytes, flow.local.port) ||
      !parse_endpoint(next_word(line), remote, remote_bytes, flow.remote.port) ||
      local_bytes != remote_bytes || !parse_whole(next_word(line), 16, state))
    return std::nullopt;
  set_addresses(local_bytes == 16, local.data(), remote.data(), flow);

  next_word(line);  // queues
  const std::string_view timer_text = next_word(line);
  next_word(line);  // retransmits
  const std::string_view uid_text = next_word(line);
  next_word(line);  // probes
  const std::string_view inode_text = next_word(line);
  unsigned timer = 0;
  std::uint32_t uid = 0;
  // A truncated line ends within a number, so only a number that is followed by something is
  // complete.
  if (!parse_whole(timer_text.substr(0, timer_text.find(':')), 16, timer) ||
      !parse_whole(uid_text, 10, uid) || !parse_whole(inode_text, 10, socket.inode) || line.empty())
    return std::nullopt;
  if (socket.inode != 0) flow.owner.uid = uid;
  if (protocol == Protocol::kUdp) return socket;

  if (state == 0 || state > kLastState) return std::nullopt;
  flow.state = TcpState{state};
  if (flow.state == TcpState::kListen) flow.direction = Direction::kListen;
  // As with sock_diag: these are not full sockets.
  if (flow.state == TcpState::kSynRecv && socket.inode == 0) flow.state = TcpState::kNewSynRecv;
  if (timer == kTimeWaitTimer && socket.inode == 0) flow.state = TcpState::kTimeWait;
  return socket;
}

std::uint64_t parse_socket_link(std::string_view link) noexcept {
  constexpr std::string_view kBegin = "socket:[";
  std::uint64_t inode = 0;
  if (!link.starts_with(kBegin) || !link.ends_with(']')) return 0;
  link.remove_prefix(kBegin.size());
  link.remove_suffix(1);
  return parse_whole(link, 10, inode) ? inode : 0;
}

}  // namespace sockscope
