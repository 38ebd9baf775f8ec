// SPDX-License-Identifier: Apache-2.0
// What the parsers of captures share.
#pragma once

#include <sockscope/types.h>

#include <string_view>

namespace sockscope {

// Accepts the spelling of any of the tools: "ESTAB", "Established", "TIME-WAIT", "FIN_WAIT_2".
// kNone: not a state.
TcpState parse_tcp_state(std::string_view text);

// Cuts the name to the length that the kernel stores.
void set_comm(Owner& owner, std::string_view name);

}  // namespace sockscope
