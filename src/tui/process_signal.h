// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sockscope/error.h>

#include "tui/model.h"

namespace sockscope::tui {

// Sends a signal to that very process: it is held by a pidfd while its start time is compared, so
// that a number which was given to another in the meantime harms nobody. Errors: kIo, kNotPermitted.
Result<void> send_signal(ProcessId process, int number);

// What /proc says of a process; nothing when it is another one by now.
std::optional<ProcessFacts> read_facts(ProcessId process);

// The start of a process as CLOCK_BOOTTIME clock ticks, from the text of /proc/PID/stat.
std::optional<std::uint64_t> start_ticks(std::string_view stat);
// Its parent, from the same text.
std::uint32_t parent_pid(std::string_view stat);

}  // namespace sockscope::tui
