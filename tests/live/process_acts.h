// SPDX-License-Identifier: Apache-2.0
// One act of one process each, with the truth as the process that did it knows it: what a source of
// process events must tell.
#pragma once

#include <sockscope/process.h>
#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

namespace sockscope::live {

struct ProcessAct {
  std::string name;
  // Carries the act out and returns the events it must be seen as, in their order; cpu, mono_ns,
  // number and start_ns are left out.
  std::function<std::vector<ProcessEvent>()> carry_out;
};

// Fork with exit, exec, changes of user, group, session and name, ptrace, a core dump, death by
// a signal.
const std::vector<ProcessAct>& process_acts();

// The events of these processes, without cpu, mono_ns, number and start_ns.
std::vector<ProcessEvent> only_of(const std::vector<ProcessEvent>& all,
                                  const std::vector<ProcessEvent>& expected);

// The same events as the connector may tell them: Linux looks for the parent of a process that
// ended when the parent may have taken the child away already, and then tells none. Where `seen`
// has none, the expected exit has none.
std::vector<ProcessEvent> as_connector_tells(std::vector<ProcessEvent> expected,
                                             const std::vector<ProcessEvent>& seen);

// One line per event, for messages.
std::string as_text(const std::vector<ProcessEvent>& events);

// Forks children that exit at once, one after the other.
void fork_and_reap(int count);

}  // namespace sockscope::live
