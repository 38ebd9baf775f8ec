// SPDX-License-Identifier: Apache-2.0
#include "decode/capture_support.h"

#include <algorithm>
#include <string>
#include <utility>

namespace sockscope {

TcpState parse_tcp_state(std::string_view text) {
  std::string name;
  for (const char c : text.substr(0, 16))
    if (c != '-' && c != '_' && c != ' ')
      name += static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  constexpr std::pair<std::string_view, TcpState> kStates[] = {
      {"ESTAB", TcpState::kEstablished},   {"ESTABLISHED", TcpState::kEstablished},
      {"SYNSENT", TcpState::kSynSent},     {"SYNRECV", TcpState::kSynRecv},
      {"SYNRECEIVED", TcpState::kSynRecv}, {"SYNRCVD", TcpState::kSynRecv},
      {"FINWAIT1", TcpState::kFinWait1},   {"FINWAIT2", TcpState::kFinWait2},
      {"TIMEWAIT", TcpState::kTimeWait},   {"UNCONN", TcpState::kClose},
      {"CLOSE", TcpState::kClose},         {"CLOSED", TcpState::kClose},
      {"CLOSEWAIT", TcpState::kCloseWait}, {"LASTACK", TcpState::kLastAck},
      {"LISTEN", TcpState::kListen},       {"CLOSING", TcpState::kClosing}};
  for (const auto& [spelling, state] : kStates)
    if (name == spelling) return state;
  return TcpState::kNone;
}

void set_comm(Owner& owner, std::string_view name) {
  owner.comm = {};
  std::copy_n(name.begin(), std::min(name.size(), owner.comm.size()), owner.comm.begin());
}

}  // namespace sockscope
