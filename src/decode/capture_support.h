// SPDX-License-Identifier: Apache-2.0
// What the parsers of captures share.
#pragma once

#include <sockscope/types.h>

#include <string_view>

namespace sockscope {

// As any of the tools spells it: "ESTAB", "Established", "TIME-WAIT", "FIN_WAIT_2". kNone: not one.
TcpState parse_tcp_state(std::string_view text);

// Cut to what the kernel keeps of a name.
void set_comm(Owner& owner, std::string_view name);

}  // namespace sockscope
