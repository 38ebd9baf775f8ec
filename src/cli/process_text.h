// SPDX-License-Identifier: Apache-2.0
// What happens to processes, in words.
#pragma once

#include <sockscope/event.h>

#include <cstdint>
#include <string>

namespace sockscope {

// "exit 0", "signal SEGV, core dumped"
std::string exit_text(std::uint32_t exit_status);

// What a kProcess event says besides process and kind.
std::string describe_process(const Event& event);

// The process's container, otherwise its unit: "  [nginx.service]"; "": neither is known.
std::string place_text(const ProcessInfo& process);

}  // namespace sockscope
