// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "decode/capture_support.h"
#include "decode/captures.h"
#include "decode/endpoint_text.h"
#include "decode/text_scan.h"

namespace sockscope {
namespace {

// ss leaves out a column that is the same in all rows: with -t Netid, with a state filter State.
struct SsColumns {
  bool netid = true;
  bool state = true;
};

std::optional<SsColumns> parse_heading(std::string_view line) {
  if (line.find("Recv-Q") == std::string_view::npos ||
      line.find("Local Address:Port") == std::string_view::npos)
    return std::nullopt;
  const std::string_view before = line.substr(0, line.find("Recv-Q"));
  return SsColumns{.netid = before.find("Netid") != std::string_view::npos,
                   .state = before.find("State") != std::string_view::npos};
}

// users:(("nginx",pid=100,fd=3),("nginx",pid=101,fd=3)). Names are not quoted and may contain
// anything, including text that looks like what follows a name. But a name has at most 15 bytes,
// and at least 16 lie between one name and the next.
void parse_users(std::string_view line, Owner& owner) {
  constexpr std::string_view kUsers = "users:((\"";
  constexpr std::string_view kPid = "\",pid=";
  const std::size_t at = line.find(kUsers);
  if (at == std::string_view::npos) return;
  line.remove_prefix(at + kUsers.size());
  constexpr std::size_t kLongestName = 15;
  const std::size_t end = line.substr(0, kLongestName + kPid.size()).rfind(kPid);
  if (end == std::string_view::npos) return;
  const std::string_view name = line.substr(0, end);
  line.remove_prefix(end + kPid.size());
  const auto pid = to_number<std::uint32_t>(take_before(line, ','));
  if (!pid) return;
  owner.pid = *pid;
  owner.kind = OwnerKind::kBootstrap;
  set_comm(owner, name);
}

std::uint32_t to_us(double ms) {
  return ms < 4e6 ? static_cast<std::uint32_t>(std::lround(ms * 1000)) : 0;
}

// The details that -e and -i add. -i prints only those that are not 0.
void parse_details(std::string_view line, Flow& flow) {
  Counters& counters = flow.counters;
  std::uint64_t sent = counters.tx_bytes;
  std::uint64_t resent = 0;
  for (std::string_view word = take_word(line); !word.empty(); word = take_word(line)) {
    std::string_view value = word;
    const std::string_view key = take_before(value, ':');
    if (value.empty()) continue;
    if (key == "uid") {
      flow.owner.uid = to_number<std::uint32_t>(value);
    } else if (key == "sk") {
      flow.cookie = to_number<std::uint64_t>(value, 16).value_or(0);
    } else if (key == "rtt") {
      if (const auto ms = to_decimal(take_before(value, '/'))) counters.srtt_us = to_us(*ms);
    } else if (key == "minrtt") {
      if (const auto ms = to_decimal(value)) counters.min_rtt_us = to_us(*ms);
    } else if (key == "retrans") {
      take_before(value, '/');  // before the slash: those not yet acknowledged
      counters.retransmits = to_number<std::uint32_t>(value).value_or(0);
    } else if (const auto number = to_number<std::uint64_t>(value)) {
      if (key == "bytes_sent")
        sent = *number;
      else if (key == "bytes_retrans")
        resent = *number;
      else if (key == "bytes_received")
        counters.rx_bytes = *number;
      else if (key == "segs_out")
        counters.tx_segments = *number;
      else if (key == "segs_in")
        counters.rx_segments = *number;
      else
        continue;
      flow.has_counters = true;
    }
  }
  counters.tx_bytes = sent > resent ? sent - resent : 0;
  // The kernel counts the FIN of the other end as a byte.
  const bool has_fin = flow.state == TcpState::kCloseWait || flow.state == TcpState::kLastAck ||
                       flow.state == TcpState::kClosing;
  if (has_fin && flow.has_counters && counters.rx_bytes > 0) --counters.rx_bytes;
}

enum class Row { kSocket, kOtherKind, kMalformed };

Row parse_socket(std::string_view line, SsColumns columns, Flow& flow) {
  flow.has_counters = false;
  std::string_view rest = line;
  std::string_view netid = "tcp";
  if (columns.netid) netid = take_word(rest);
  if (netid != "tcp" && netid != "udp") return Row::kOtherKind;
  flow.protocol = netid == "tcp" ? Protocol::kTcp : Protocol::kUdp;
  TcpState state = TcpState::kNone;
  if (columns.state) {
    state = parse_tcp_state(take_word(rest));
    if (state == TcpState::kNone) return Row::kMalformed;
  }
  if (flow.protocol == Protocol::kTcp) flow.state = state;
  if (state == TcpState::kListen) flow.direction = Direction::kListen;
  if (!to_number<std::uint64_t>(take_word(rest)) || !to_number<std::uint64_t>(take_word(rest)))
    return Row::kMalformed;
  const std::string_view local = take_word(rest);
  const std::string_view remote = take_word(rest);
  // "*" is any address of both families, so it is an IPv6 socket.
  const auto local_end = parse_endpoint(local, ':', 6);
  if (!local_end) return Row::kMalformed;
  const auto remote_end = parse_endpoint(remote, ':', local_end->addr.family);
  if (!remote_end) return Row::kMalformed;
  flow.local = *local_end;
  flow.remote = *remote_end;
  // An unspecified end takes the family of the other end.
  if (flow.local.addr.is_unspecified() && !flow.remote.addr.is_unspecified())
    flow.local.addr.family = flow.remote.addr.family;
  parse_users(rest, flow.owner);
  const std::size_t users = rest.find("users:((");
  const std::size_t users_end = users == std::string_view::npos ? 0 : rest.rfind("))");
  parse_details(users_end == std::string_view::npos ? "" : rest.substr(users_end), flow);
  return Row::kSocket;
}

}  // namespace

Capture parse_ss(std::string_view text) {
  Capture capture;
  SsColumns columns;
  bool in_socket = false;
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    if (line.find_first_not_of(" \t") == std::string_view::npos) continue;
    if (line.starts_with(' ') || line.starts_with('\t')) {
      if (in_socket) parse_details(line, capture.flows.back());
      continue;
    }
    if (const auto heading = parse_heading(line)) {
      columns = *heading;
      in_socket = false;
      continue;
    }
    Flow flow;
    const Row row = parse_socket(line, columns, flow);
    in_socket = row == Row::kSocket;
    if (in_socket) capture.flows.push_back(flow);
    if (row == Row::kMalformed) ++capture.malformed;
  }
  return capture;
}

}  // namespace sockscope
