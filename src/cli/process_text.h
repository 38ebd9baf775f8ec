// SPDX-License-Identifier: Apache-2.0
// What happens to processes, in words.
#pragma once

#include <sockscope/event.h>

#include <string>

#include "model/story.h"

namespace sockscope {

// "exit 0", "signal SEGV, core dumped"
std::string exit_text(std::uint32_t exit_status);

// What a kProcess event says besides process and kind.
std::string describe_process(const Event& event);

// "curl (bash < sshd) uid 1000  84 ms  3 conns  tx 2.1 kB rx 15 kB  worst RTT 40 ms  exit 0"
std::string story_text(const Story& story);

}  // namespace sockscope
