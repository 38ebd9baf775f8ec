// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/error.h>

#include "tui/model.h"

namespace sockscope::tui {

// Sends a signal to that very process: it is held by a pidfd while its start time is compared, so
// that a number which was given to another in the meantime harms nobody. Errors: kIo,
// kNotPermitted.
Result<void> send_signal(ProcessId process, int number);

// The start of a process as CLOCK_BOOTTIME clock ticks, from the text of /proc/PID/stat.
std::optional<std::uint64_t> start_ticks(std::string_view stat);

}  // namespace sockscope::tui
