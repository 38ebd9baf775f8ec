// SPDX-License-Identifier: Apache-2.0
// Acts of one process each, with the truth as that process knows it: what a source of process
// events must report.
#pragma once

#include <sockscope/process.h>
#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

namespace sockscope::live {

struct ProcessAct {
  std::string name;
  // Carries out the act and returns the events that must be seen, in order, without cpu, mono_ns,
  // number and start_ns.
  std::function<std::vector<ProcessEvent>()> carry_out;
};

// Fork with exit, exec, changes of user, group, session and name, ptrace, a core dump, death by a
// signal.
const std::vector<ProcessAct>& process_acts();

// The events of these processes, without cpu, mono_ns, number and start_ns.
std::vector<ProcessEvent> only_of(const std::vector<ProcessEvent>& all,
                                  const std::vector<ProcessEvent>& expected);

// The same events as the connector may report them. Linux looks for the parent of an exited process
// at a time when the parent may already have reaped it, and then reports none. Where `seen` has no
// parent, the expected exit gets none.
std::vector<ProcessEvent> as_connector_tells(std::vector<ProcessEvent> expected,
                                             const std::vector<ProcessEvent>& seen);

// One line per event, for messages.
std::string as_text(const std::vector<ProcessEvent>& events);

// Forks children that exit at once, one after the other.
void fork_and_reap(int count);

}  // namespace sockscope::live
