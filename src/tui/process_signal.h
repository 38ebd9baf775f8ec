// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/error.h>

#include "tui/model.h"

namespace sockscope::tui {

// Sends a signal to exactly that process: a pidfd holds it while its start time is compared, so
// that a process that has got the same pid meanwhile is not harmed. Errors: kIo, kNotPermitted.
Result<void> send_signal(ProcessId process, int number);

// The start of a process as CLOCK_BOOTTIME clock ticks, from the text of /proc/PID/stat.
std::optional<std::uint64_t> start_ticks(std::string_view stat);

}  // namespace sockscope::tui
